// The kernel's own file systems of a Jail at level low: a whole /proc and /sys, read-only where
// they can be written, with everything covered that is the machine's and not the sandbox's
// (isolation.md 4.5). At medium and high /proc shows processes alone and /sys is empty.
#pragma once

namespace fabro::jail::child {

// Makes the source of all covers, an empty directory and an empty file, below the place where /proc
// comes: no name leads there once it is covered, so nobody can put something else in its place.
struct Covers {
  int directory = -1;
  int file = -1;
};

// Each gives 0 or an errno, and leaves the object that failed in About().
int MakeCovers(Covers& covers);
// After /proc is mounted: covers what exists of the list, and looks that the cover is ours.
int CoverProc(const Covers& covers);
// Mounts a sysfs of the caller's network namespace, read-only, and covers its parts.
int MountSys(const Covers& covers);
void CloseCovers(Covers& covers);

}  // namespace fabro::jail::child
