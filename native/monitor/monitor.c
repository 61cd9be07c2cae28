// The supervisor of one container, or of one process executed in a container. Told in PROTOCOL.md.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "descriptors.h"
#include "log.h"
#include "modes.h"
#include "result.h"
#include "rootfs.h"
#include "runtime.h"

enum {
  READ_BYTES = 65536,
  PAGE_BYTES = 4096,
  // How long a stranger that holds the pipe may delay the news that the process is gone.
  DRAIN_MS = 100,
  // How long a connection may read nothing of what waits for it after the end.
  LINGER_MS = 10000,
  // After this much quiet, buffers go back to the kernel.
  QUIET_MS = 2000,
  MAX_STRAYS = 32,
  FLUSH_MOST_BYTES = 1024 * 1024,
};

enum phase { STARTING, RUNNING, DRAINING, LINGERING };

static struct {
  struct monitor_options options;
  enum phase phase;
  struct rootfs rootfs;
  struct stdio stdio;
  int signals, listener, console, problem;
  pid_t runtime, process;
  struct timespec started_at;
  struct exit_status status;
  bool has_status, has_failed;
  // Children that ended while the runtime was still at work: the process itself may be among them.
  struct {
    pid_t pid;
    struct exit_status status;
  } strays[MAX_STRAYS];
  int stray_count;
  struct queue input;
  bool wants_input_closed;
  struct winsize size;
  bool has_size;
  int64_t deadline_ms;
  char failure[512];
  int32_t failure_code;
  bool holds_buffers;
} self;

// Output is read behind room for its frame's header. What is received has a place of its own, for a frame may ask us
// to read output.
static _Alignas(PAGE_BYTES) char scratch[PAGE_BYTES + READ_BYTES];
static _Alignas(PAGE_BYTES) char received[READ_BYTES];
static char *const reading = scratch + PAGE_BYTES;

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- frames that tell the state ----

static void put_time(unsigned char *at, struct timespec time) {
  put_u64(at, (uint64_t)time.tv_sec);
  put_u32(at + 8, (uint32_t)time.tv_nsec);
}

static void send_hello(struct connection *connection) {
  unsigned char payload[20];
  put_u32(payload, MONITOR_PROTOCOL);
  put_u32(payload + 4, (uint32_t)getpid());
  put_u32(payload + 8, STDIN_WINDOW_BYTES);
  put_u32(payload + 12, (self.options.console ? 1u : 0) | (self.options.has_stdin ? 2u : 0));
  put_u32(payload + 16, (uint32_t)self.rootfs.root);
  connection_send_frame(connection, FRAME_HELLO, payload, sizeof payload);
}

static void send_started(struct connection *connection) {
  unsigned char payload[16];
  put_u32(payload, (uint32_t)self.process);
  put_time(payload + 4, self.started_at);
  connection_send_frame(connection, FRAME_STARTED, payload, sizeof payload);
}

static void send_end(struct connection *connection) {
  unsigned char payload[4 + sizeof self.failure];
  if (self.has_failed) {
    size_t length = strlen(self.failure);
    put_u32(payload, (uint32_t)self.failure_code);
    memcpy(payload + 4, self.failure, length);
    connection_send_frame(connection, FRAME_FAILED, payload, (uint32_t)(4 + length));
  } else {
    put_u32(payload, self.status.code);
    put_u32(payload + 4, self.status.signal);
    put_time(payload + 8, self.status.time);
    connection_send_frame(connection, FRAME_EXITED, payload, 20);
  }
}

static void welcome(struct connection *connection) {
  send_hello(connection);
  if (self.process) send_started(connection);
  if (self.phase == LINGERING) send_end(connection);
}

static void tell_all(void (*tell)(struct connection *)) {
  for (int i = 0; i < connection_count; i++) tell(connections[i]);
}

// ---- stdin ----

static void acknowledge(struct connection *connection, uint32_t length) {
  unsigned char payload[4];
  connection->unacknowledged_stdin -= length;
  put_u32(payload, length);
  connection_send_frame(connection, FRAME_STDIN_ACK, payload, sizeof payload);
}

// The queue is one for all connections: whoever has bytes outstanding is credited first come, first served.
static void acknowledge_written(size_t length) {
  for (int i = 0; i < connection_count && length > 0; i++) {
    struct connection *connection = connections[i];
    size_t share = length < connection->unacknowledged_stdin ? length : connection->unacknowledged_stdin;
    if (share) acknowledge(connection, (uint32_t)share);
    length -= share;
  }
}

static void send_stdin_closed(struct connection *connection) {
  connection_send_frame(connection, FRAME_STDIN_CLOSED, 0, 0);
}

static bool input_is_terminal(void) { return self.options.console != 0; }

// The process reads no more, or shall get no more: bytes that wait are thrown away.
static void close_input(void) {
  if (self.stdio.input >= 0 && !input_is_terminal()) close(self.stdio.input);
  self.stdio.input = -1;
  acknowledge_written(self.input.length);
  queue_clear(&self.input);
}

static void lose_input(void) {
  close_input();
  tell_all(send_stdin_closed);
}

static void write_input(void) {
  ssize_t written = queue_write_to(&self.input, self.stdio.input);
  if (written < 0) return lose_input();
  acknowledge_written((size_t)written);
  if (self.input.length == 0 && self.wants_input_closed && !input_is_terminal()) close_input();
}

static bool takes_input(void) {
  bool awaits_terminal = input_is_terminal() && self.phase == STARTING;
  return self.options.has_stdin && !self.wants_input_closed && (self.stdio.input >= 0 || awaits_terminal);
}

static void on_stdin(struct connection *connection, const char *bytes, size_t length) {
  connection->unacknowledged_stdin += (uint32_t)length;
  if (connection->unacknowledged_stdin > STDIN_WINDOW_BYTES) {
    connection->is_broken = true;
  } else if (!takes_input()) {
    acknowledge(connection, (uint32_t)length);
  } else if (!queue_append(&self.input, bytes, length)) {
    connection->is_broken = true;
  } else if (self.stdio.input >= 0) {
    write_input();
  }
}

// ---- output ----

static void end_output(int index) {
  int fd = self.stdio.output[index];
  if (input_is_terminal() && self.stdio.input == fd) close_input();
  close(fd);
  self.stdio.output[index] = -1;
  log_end(index == 0 ? LOG_STDOUT : LOG_STDERR);
}

// One read. Returns the bytes read, 0 when there is nothing now or never again.
static size_t read_output(int index) {
  int fd = self.stdio.output[index];
  if (fd < 0) return 0;
  ssize_t count = read(fd, reading, READ_BYTES);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  if (count <= 0) {  // A terminal says EIO when nobody has it open any more.
    end_output(index);
    return 0;
  }
  self.holds_buffers = true;
  log_append(index == 0 ? LOG_STDOUT : LOG_STDERR, reading, (size_t)count);
  char *frame = reading - FRAME_HEADER_BYTES;
  frame_header((unsigned char *)frame, index == 0 ? FRAME_STDOUT : FRAME_STDERR, (uint32_t)count);
  connections_send_output(frame, (uint32_t)count);
  return (size_t)count;
}

static void read_all_output(void) {
  for (int index = 0; index < 2; index++)
    for (size_t total = 0, count; total < FLUSH_MOST_BYTES && (count = read_output(index)) > 0;) total += count;
  log_flush();
}

static bool has_output(void) { return self.stdio.output[0] >= 0 || self.stdio.output[1] >= 0; }

// ---- requests ----

static void apply_size(void) {
  if (self.has_size && input_is_terminal() && self.stdio.output[0] >= 0)
    ioctl(self.stdio.output[0], TIOCSWINSZ, &self.size);
}

static void answer_subscribe(struct connection *connection) {
  unsigned char payload[12];
  log_flush();
  put_u64(payload, log_size());
  put_u32(payload + 8, log_rotations());
  connection_send_frame(connection, FRAME_SUBSCRIBED, payload, sizeof payload);
  connection->is_subscribed = true;
  connection->unacknowledged_output = 0;
}

static void answer_flush(struct connection *connection, const unsigned char *token) {
  unsigned char payload[12];
  if (self.phase != STARTING) read_all_output();
  memcpy(payload, token, 4);
  put_u64(payload + 4, log_dropped_lines());
  connection_send_frame(connection, FRAME_FLUSHED, payload, sizeof payload);
}

static void acknowledge_output(struct connection *connection, uint32_t length) {
  uint32_t open = connection->unacknowledged_output;
  connection->unacknowledged_output = length < open ? open - length : 0;
}

static void on_frame(struct connection *connection, int type, const unsigned char *payload, size_t length) {
  switch (type) {
    case FRAME_STDIN_EOF:
      self.wants_input_closed = !input_is_terminal();
      if (self.stdio.input >= 0) write_input();
      break;
    case FRAME_RESIZE:
      if (length < 4) break;
      self.size = (struct winsize){.ws_row = get_u16(payload), .ws_col = get_u16(payload + 2)};
      self.has_size = true;
      apply_size();
      break;
    case FRAME_SUBSCRIBE: answer_subscribe(connection); break;
    case FRAME_UNSUBSCRIBE: connection->is_subscribed = false; break;
    case FRAME_FETCH_HELD: connection->wants_held_descriptors = true; break;
    case FRAME_FLUSH:
      if (length >= 4) answer_flush(connection, payload);
      break;
    case FRAME_OUTPUT_ACK:
      if (length >= 4) acknowledge_output(connection, get_u32(payload));
      break;
    case FRAME_REOPEN_LOG: log_reopen(); break;
    default: break;  // A newer daemon's: PROTOCOL.md says to skip what is unknown.
  }
}

static const struct connection_handler HANDLER = {on_stdin, on_frame};

// ---- life of the process ----

static void end(void) {
  self.phase = LINGERING;
  self.deadline_ms = now_ms() + LINGER_MS;
  // Of a failed start there is only what the runtime said, which the daemon tells in its own words.
  if (!self.has_failed) read_all_output();
  for (int index = 0; index < 2; index++)
    if (self.stdio.output[index] >= 0) end_output(index);
  close_input();
  log_flush();
  if (self.has_failed)
    result_write_failure(self.options.directory, self.failure_code, self.failure);
  else
    result_write_exit(self.options.directory, self.process, &self.status);
  tell_all(send_end);
}

static void fail(int32_t code) {
  self.has_failed = true;
  self.failure_code = code;
  end();
}

static void drain(void) {
  self.phase = DRAINING;
  self.deadline_ms = now_ms() + DRAIN_MS;
}

static void take_terminal(void) {
  int master = accept_descriptor(self.console);
  if (master < 0) return;
  set_nonblocking(master);
  self.stdio = (struct stdio){.output = {master, -1}, .input = self.options.has_stdin ? master : -1};
  apply_size();
  close(self.console);
  unlink(self.options.console);
  self.console = -1;
}

static void on_runtime_end(int wait_status) {
  int32_t code = (int32_t)exit_status_of(wait_status).code;
  if (self.console >= 0) take_terminal();
  if (code == 0 && (self.process = runtime_read_pid(self.options.pid_file)) > 0) {
    clock_gettime(CLOCK_REALTIME, &self.started_at);
    self.phase = RUNNING;
    tell_all(send_started);
  } else {
    code = runtime_explain(&self.options, self.problem, code, self.failure, sizeof self.failure);
  }
  close(self.problem);
  if (self.console >= 0) close(self.console), unlink(self.options.console), self.console = -1;
  rootfs_leave(&self.rootfs);
  if (!self.process) return fail(code);
  for (int i = 0; i < self.stray_count; i++)
    if (self.strays[i].pid == self.process) self.status = self.strays[i].status, self.has_status = true;
  if (self.has_status) drain();
}

static void remember_stray(pid_t pid, int wait_status) {
  int slot = self.stray_count < MAX_STRAYS ? self.stray_count++ : MAX_STRAYS - 1;
  self.strays[slot].pid = pid;
  self.strays[slot].status = exit_status_of(wait_status);
}

static void reap(void) {
  struct signalfd_siginfo ignored;
  while (read(self.signals, &ignored, sizeof ignored) > 0) continue;
  int wait_status, runtime_status = 0;
  bool runtime_ended = false;
  for (pid_t pid; (pid = waitpid(-1, &wait_status, WNOHANG)) > 0;) {
    if (pid == self.runtime) {
      runtime_ended = true;
      runtime_status = wait_status;
    } else if (self.phase == STARTING) {
      remember_stray(pid, wait_status);
    } else if (pid == self.process && !self.has_status) {
      self.status = exit_status_of(wait_status);
      self.has_status = true;
      drain();
    }
  }
  if (runtime_ended) on_runtime_end(runtime_status);
}

// ---- the loop ----

enum slot { SLOT_SIGNALS, SLOT_LISTENER, SLOT_CONSOLE, SLOT_OUTPUT, SLOT_INPUT = SLOT_OUTPUT + 2, SLOT_CONNECTIONS };

static int fill_polls(struct pollfd *polls) {
  // What is left in the pipes at the end is little: nobody who is slow may hold back the news of the end.
  // While the runtime works its own complaints come by the pipe of stderr: whose output that is shows when it ends.
  bool is_reading = self.phase != STARTING && (self.phase == DRAINING || !connections_are_slow());
  polls[SLOT_SIGNALS] = (struct pollfd){self.signals, POLLIN, 0};
  polls[SLOT_LISTENER] = (struct pollfd){connection_count < MAX_CONNECTIONS ? self.listener : -1, POLLIN, 0};
  polls[SLOT_CONSOLE] = (struct pollfd){self.console, POLLIN, 0};
  for (int i = 0; i < 2; i++)
    polls[SLOT_OUTPUT + i] = (struct pollfd){is_reading ? self.stdio.output[i] : -1, POLLIN, 0};
  // Without events, poll(2) still tells that the reader has closed its end; a terminal tells that by its output.
  bool watches_input = self.input.length > 0 || !input_is_terminal();
  polls[SLOT_INPUT] = (struct pollfd){watches_input ? self.stdio.input : -1, self.input.length > 0 ? POLLOUT : 0, 0};
  int count = SLOT_CONNECTIONS;
  for (int i = 0; i < connection_count; i++) {
    struct connection *connection = connections[i];
    bool has_outgoing = connection->outgoing.length > 0 || connection->wants_held_descriptors;
    polls[count++] = (struct pollfd){connection->in, POLLIN, 0};
    polls[count++] = (struct pollfd){connection->out, has_outgoing ? POLLOUT : 0, 0};
  }
  return count;
}

static int poll_timeout(void) {
  if (self.phase == DRAINING || self.phase == LINGERING) {
    int64_t left = self.deadline_ms - now_ms();
    return left > 0 ? (int)left : 0;
  }
  return self.holds_buffers ? QUIET_MS : -1;
}

static void release_buffers(void) {
  log_release_memory();
  madvise(scratch, sizeof scratch, MADV_DONTNEED);
  madvise(received, sizeof received, MADV_DONTNEED);
  self.holds_buffers = false;
}

static void serve_connections(const struct pollfd *polls, int served) {
  for (int i = 0; i < served; i++) {
    struct connection *connection = connections[i];
    const struct pollfd *in = polls + SLOT_CONNECTIONS + 2 * i, *out = in + 1;
    if (out->revents & (POLLERR | POLLNVAL)) connection->is_broken = true;
    if (in->revents) {
      self.holds_buffers = true;
      connection_receive(connection, &HANDLER, received, sizeof received);
    }
    if (connection->outgoing.length > 0 || connection->wants_held_descriptors)
      connection_flush(connection, self.options.held_descriptors);
  }
  connections_sweep();
}

static void accept_connection(void) {
  int socket = accept4(self.listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
  struct connection *connection = socket >= 0 ? connection_add(socket, socket) : 0;
  if (connection) welcome(connection);
}

static bool is_done(void) {
  if (self.phase == DRAINING && (!has_output() || now_ms() >= self.deadline_ms)) end();
  return self.phase == LINGERING && (!connections_have_outgoing() || now_ms() >= self.deadline_ms);
}

static void run(void) {
  struct pollfd polls[SLOT_CONNECTIONS + 2 * MAX_CONNECTIONS];
  while (!is_done()) {
    int served = connection_count, count = fill_polls(polls);
    int ready = poll(polls, (nfds_t)count, poll_timeout());
    if (ready < 0) continue;
    if (ready == 0 && self.holds_buffers) release_buffers();
    if (ready > 0 && self.phase == LINGERING) self.deadline_ms = now_ms() + LINGER_MS;
    // Output before the news of the end; a new terminal before both; connections last, they may subscribe.
    if (polls[SLOT_CONSOLE].revents) take_terminal();
    for (int i = 0; i < 2; i++)
      if (polls[SLOT_OUTPUT + i].revents) read_output(i);
    log_flush();
    if (self.stdio.input >= 0 && polls[SLOT_INPUT].revents & POLLERR) lose_input();
    if (self.stdio.input >= 0 && polls[SLOT_INPUT].revents) write_input();
    if (polls[SLOT_SIGNALS].revents) reap();
    serve_connections(polls, served);
    if (polls[SLOT_LISTENER].revents) accept_connection();
  }
}

// ---- beginning ----

static void take_signals(void) {
  static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGTSTP, SIGTTIN, SIGTTOU};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_SETMASK, &set, 0);
  self.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Our stdin and stdout become the first connection; 0, 1 and 2 must not reach the runtime by accident.
static void take_control_connection(void) {
  int free_from = 3 + self.options.held_descriptors;
  for (int fd = 3; fd < free_from; fd++) set_close_on_exec(fd);
  int in = fcntl(0, F_DUPFD_CLOEXEC, free_from), out = fcntl(1, F_DUPFD_CLOEXEC, free_from);
  int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
  dup2(nothing, 0);
  dup2(nothing, 1);
  close(nothing);
  struct connection *connection = in >= 0 && out >= 0 ? connection_add(in, out) : 0;
  if (connection) connection->is_subscribed = self.options.is_subscribed;
}

static bool open_sockets(void) {
  char path[4096];
  const struct monitor_options *options = &self.options;
  if (options->directory) {
    snprintf(path, sizeof path, "%s/monitor.sock", options->directory);
    self.listener = listen_at(path);
  }
  if (options->console) self.console = listen_at(options->console);
  bool has_failed = (options->directory && self.listener < 0) || (options->console && self.console < 0);
  if (has_failed)
    snprintf(self.failure, sizeof self.failure, "cannot listen in %s: %s",
             options->directory ? options->directory : options->console, strerror(errno));
  return !has_failed;
}

static bool start(void) {
  if (!open_sockets() ||
      !rootfs_mount(&self.options.rootfs, &self.rootfs, self.failure, sizeof self.failure))
    return false;
  int error = runtime_spawn(&self.options, &self.stdio, &self.runtime, &self.problem);
  if (error) snprintf(self.failure, sizeof self.failure, "cannot start the runtime: %s", strerror(error));
  return error == 0;
}

int run_monitor(int count, char **arguments) {
  self.listener = self.console = self.problem = -1;
  self.stdio = (struct stdio){.output = {-1, -1}, .input = -1};
  parse_monitor_options(count, arguments, &self.options);
  setsid();
  umask(022);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  take_signals();
  take_control_connection();
  result_prepare(self.options.directory);
  log_open(&self.options.log);
  bool has_started = start();
  tell_all(send_hello);
  if (!has_started) fail(-1);
  run();
  if (self.options.directory) {
    char path[4096];
    snprintf(path, sizeof path, "%s/monitor.sock", self.options.directory);
    unlink(path);
  }
  return 0;
}
