#!/bin/sh
said=$(sh greet.sh world)
[ "$said" = "hello, world" ] || { echo "greet.sh world said '$said'" >&2; exit 1; }
echo "greet.sh works"
