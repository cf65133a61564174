# Sourced by the scripts that run inside of a machine; they end with `exit $failed`.
failed=0

# expect STATUS TEXT COMMAND...: ends with that status and prints that text on either stream.
expect() {
  local want=$1 text=$2 out status=0
  shift 2
  out=$("$@" 2>&1) || status=$?
  if [ "$status" = "$want" ] && [[ $out == *"$text"* ]]; then return; fi
  printf 'FAILED: %s: exit %s instead of %s, or no "%s" in:\n%s\n' "$*" "$status" "$want" "$text" "$out"
  failed=1
}
