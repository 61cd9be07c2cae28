// Compresses a rotated log with the machine's gzip, beside the monitor.
#pragma once

// `path` becomes `path`.gz in the background, with the file's times; on failure it stays as it is.
void compressor_start(const char *path);
// Returns when the one that was started has ended: names may change then.
void compressor_wait(void);
