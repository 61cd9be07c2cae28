#pragma once

// A null device that nobody else has, read and written as /dev/null; -1 with errno. Runtimes give standard input to the
// container's user, which would make the machine's own /dev/null that user's.
int open_private_null(void);
