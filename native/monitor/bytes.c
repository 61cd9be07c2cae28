#include "bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool queue_append(struct queue *queue, const void *bytes, size_t length) {
  if (queue->start + queue->length + length > queue->capacity) {
    size_t capacity = queue->capacity ? queue->capacity : 4096;
    while (capacity < queue->length + length) capacity *= 2;
    char *larger = malloc(capacity);
    if (!larger) return false;
    if (queue->length) memcpy(larger, queue->bytes + queue->start, queue->length);
    free(queue->bytes);
    queue->bytes = larger;
    queue->capacity = capacity;
    queue->start = 0;
  }
  memcpy(queue->bytes + queue->start + queue->length, bytes, length);
  queue->length += length;
  return true;
}

void queue_consume(struct queue *queue, size_t length) {
  queue->start += length;
  queue->length -= length;
  if (queue->length == 0) queue_clear(queue);
}

void queue_clear(struct queue *queue) {
  free(queue->bytes);
  *queue = (struct queue){0};
}

ssize_t queue_write_to(struct queue *queue, int fd) {
  ssize_t total = 0;
  while (queue->length > 0) {
    ssize_t written = write(fd, queue->bytes + queue->start, queue->length);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno == EAGAIN ? total : -1;
    queue_consume(queue, (size_t)written);
    total += written;
  }
  return total;
}
