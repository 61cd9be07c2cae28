// Big-endian integers, as frames carry them, and a queue of bytes.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

static inline void put_u16(unsigned char *at, uint16_t value) {
  at[0] = value >> 8;
  at[1] = value;
}

static inline void put_u32(unsigned char *at, uint32_t value) {
  put_u16(at, value >> 16);
  put_u16(at + 2, value);
}

static inline void put_u64(unsigned char *at, uint64_t value) {
  put_u32(at, value >> 32);
  put_u32(at + 4, value);
}

static inline uint16_t get_u16(const unsigned char *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static inline uint32_t get_u32(const unsigned char *at) { return (uint32_t)get_u16(at) << 16 | get_u16(at + 2); }

// Bytes that wait to be written. Holds no memory while it is empty.
struct queue {
  char *bytes;
  size_t start, length, capacity;
};

// False when there is no memory; the queue is then as before.
bool queue_append(struct queue *queue, const void *bytes, size_t length);
void queue_consume(struct queue *queue, size_t length);
void queue_clear(struct queue *queue);
// Writes what the descriptor takes: the number of bytes taken (0 when it would block), -1 when it is broken.
ssize_t queue_write_to(struct queue *queue, int fd);
