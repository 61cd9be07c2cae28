// The process's output: read once, then to the log and to every subscriber. Index 0 is stdout, 1 stderr.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// One read. Returns the bytes read, 0 when there is nothing now or never again.
size_t read_output(int index);
// All that is there now, and on to the log's file.
void read_all_output(void);
void end_output(int index);
bool has_output(void);
// The terminal gets the size that was last asked for.
void apply_size(void);
void release_output_memory(void);
