/* A web server of one process and no library but libc: it tells the time, counts its visitors, and stops when asked to. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef VERSION
#define VERSION "unknown"
#endif

static volatile sig_atomic_t stopping;
static unsigned long visits;

static void stop(int signal) {
  (void)signal;
  stopping = 1;
}

static void reply(int client, int status, const char *type, const char *body) {
  char head[256];
  int length = snprintf(head, sizeof head,
                        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
                        status == 200 ? "OK" : "Not Found", type, strlen(body));
  if (write(client, head, (size_t)length) != length || write(client, body, strlen(body)) < 0) perror("write");
}

static void answer(int client) {
  char request[4096], body[256];
  ssize_t length = read(client, request, sizeof request - 1);
  if (length <= 0) return;
  request[length] = '\0';
  if (strncmp(request, "GET /health ", 12) == 0) {
    reply(client, 200, "application/json", "{\"status\":\"ok\"}\n");
  } else if (strncmp(request, "GET /version ", 13) == 0) {
    reply(client, 200, "application/json", "{\"version\":\"" VERSION "\"}\n");
  } else if (strncmp(request, "GET / ", 6) == 0) {
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    int written = snprintf(body, sizeof body, "Visitor %lu, it is ", ++visits);
    strftime(body + written, sizeof body - (size_t)written, "%Y-%m-%d %H:%M:%S UTC\n", &utc);
    reply(client, 200, "text/plain", body);
  } else {
    reply(client, 404, "text/plain", "There is nothing here.\n");
  }
}

int main(void) {
  const char *port = getenv("PORT");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port ? port : "8080"))};
  struct sigaction action = {.sa_handler = stop};
  int yes = 1, server = socket(AF_INET, SOCK_STREAM, 0);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (server < 0 || bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 64) < 0) {
    perror("cannot listen");
    return 1;
  }
  printf("listening on port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  while (!stopping) {
    int client = accept(server, NULL, NULL);
    if (client < 0) {
      if (errno != EINTR) perror("accept");
      continue;
    }
    struct timeval patience = {.tv_sec = 2};
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    answer(client);
    close(client);
  }
  printf("stopped after %lu visits\n", visits);
  return 0;
}
