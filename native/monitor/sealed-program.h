#pragma once

// A descriptor that executes the program at `path` and through which nobody can ever write to it; -1 where the kernel has
// no such mounts (Linux before 5.12) or the program does not lie there.
int open_sealed_program(const char *path);
