/* See launchgate.h. The layout of every message stands in ../protocol.md. */
#define _GNU_SOURCE /* SOCK_CLOEXEC, CMSG_LEN */
#include "launchgate.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { HELLO = 1, REQUEST, VERDICT, REVOCATION, RESULT, PING, PONG, ERROR, GOODBYE };
enum { HEADER = 8, HELLO_BODY = 24, REQUEST_BODY = 24, VERDICT_BODY = 112, RESULT_BODY = 32, SECS_BODY = 132 };
#define CRITICAL 0x8000u
#define MAX_COUNT 0x1fffffffffffffull /* 2^53 - 1 */
#define DENY_ERRNO 13u                 /* EACCES */
#define DENY_EINIT 16u                 /* SGX_INVALID_EINITTOKEN */
#define MAX_REASONS 16u

/* ---- integers, little-endian ---- */

static void put(uint8_t *at, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get(const uint8_t *at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; i++) value |= (uint64_t)at[i] << (8 * i);
  return value;
}

static int all_zero(const uint8_t *at, size_t bytes) {
  uint8_t any = 0;
  for (size_t i = 0; i < bytes; i++) any |= at[i];
  return any == 0;
}

/* ---- SHA-256: FIPS 180-4 ---- */

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotated(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void sha_block(uint32_t state[8], const uint8_t *block) {
  uint32_t w[64], s[8];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
  for (int i = 16; i < 64; i++) {
    uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + (rotated(a, 7) ^ rotated(a, 18) ^ a >> 3) + (rotated(b, 17) ^ rotated(b, 19) ^ b >> 10);
  }
  memcpy(s, state, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t e = s[4], a = s[0];
    uint32_t t1 = s[7] + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + ((e & s[5]) ^ (~e & s[6])) + K[i] + w[i];
    uint32_t t2 = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 7 * sizeof *s);
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) state[i] += s[i];
}

void lg_sha256(uint8_t digest[32], const uint8_t *bytes, size_t count) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t last[128] = {0};
  size_t whole = count / 64 * 64, rest = count - whole, size = rest < 56 ? 64 : 128;
  uint64_t bits = (uint64_t)count * 8;
  for (size_t at = 0; at < whole; at += 64) sha_block(state, bytes + at);
  if (rest > 0) memcpy(last, bytes + whole, rest);
  last[rest] = 0x80;
  for (int i = 0; i < 8; i++) last[size - 1 - (size_t)i] = (uint8_t)(bits >> (8 * i));
  sha_block(state, last);
  if (size == 128) sha_block(state, last + 64);
  for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---- writing ---- */

typedef struct {
  uint8_t *at;
  size_t size, length, failed;
} writer;

static uint8_t *grow(writer *out, size_t bytes) {
  uint8_t *from = out->at + out->length;
  if (out->failed || bytes > out->size - out->length) {
    out->failed = 1;
    return NULL;
  }
  memset(from, 0, bytes);
  out->length += bytes;
  return from;
}

static uint8_t *field(writer *out, unsigned type, size_t bytes) {
  uint8_t *from = grow(out, 4 + bytes);
  if (from == NULL) return NULL;
  put(from, type, 2);
  put(from + 2, bytes, 2);
  return from + 4;
}

static void bytes_field(writer *out, unsigned type, const void *value, size_t bytes) {
  uint8_t *at = value == NULL ? NULL : field(out, type, bytes);
  if (at != NULL) memcpy(at, value, bytes);
}

/* The daemon refuses what is no UTF-8, and so ends the connection: that is a denial too. */
static void text_field(writer *out, unsigned type, const char *text, size_t max) {
  size_t bytes = text == NULL ? 0 : strlen(text);
  if (text != NULL && (bytes == 0 || bytes > max)) out->failed = 1;
  bytes_field(out, type, text, bytes);
}

static void secs_field(writer *out, const lg_secs *secs) {
  uint8_t *at = secs == NULL ? NULL : field(out, CRITICAL | 4, SECS_BODY);
  if (at == NULL) return;
  unsigned present = secs->present;
  const uint64_t words[6] = {secs->flags,      secs->xfrm,          secs->known_flags,
                             secs->known_xfrm, secs->allowed_flags, secs->allowed_xfrm};
  for (int i = 0; i < (present & LG_SECS_ALLOWED ? 6 : 4); i++) put(at + 8 * i, words[i], 8);
  if (present & LG_SECS_MISCSELECT) put(at + 48, secs->miscselect, 4);
  if (present & LG_SECS_MISCSELECT_KNOWN) put(at + 52, secs->miscselect_known, 4);
  if (present & LG_SECS_SIZE) put(at + 56, secs->size, 8);
  if (present & LG_SECS_CONFIGSVN) put(at + 64, secs->configsvn, 2);
  if (present & LG_SECS_CET_ATTRIBUTES) at[66] = secs->cet_attributes;
  at[67] = (uint8_t)present;
  if (present & LG_SECS_CONFIGID) memcpy(at + 68, secs->configid, LG_CONFIGID_BYTES);
}

static void ids_field(writer *out, unsigned type, uint32_t known, const uint32_t *ids, size_t count) {
  uint8_t *at = field(out, type, 4 + 4 * count);
  if (at == NULL) return;
  put(at, known, 4);
  for (size_t i = 0; i < count; i++)
    if (known >> i & 1) put(at + 4 + 4 * i, ids[i], 4);
}

size_t lg_encode_request(uint8_t *frame, size_t bytes, uint64_t id, const lg_request *request, uint32_t deadline_ms) {
  writer out = {frame, bytes, 0, 0};
  uint8_t *at = grow(&out, HEADER + REQUEST_BODY);
  if (at == NULL || id == 0 || id > MAX_COUNT) return 0;
  at += HEADER;
  put(at, id, 8);
  at[8] = request->hook == 0 ? LG_ENCLAVE_INIT : request->hook;
  at[9] = request->origin;
  at[10] = request->enforcement;
  at[11] = request->flc;
  at[12] = request->provisionkey;
  at[13] = request->synthetic;
  put(at + 16, deadline_ms, 4);
  bytes_field(&out, CRITICAL | 1, request->sigstruct, LG_SIGSTRUCT_BYTES);
  bytes_field(&out, CRITICAL | 2, request->token, LG_TOKEN_BYTES);
  bytes_field(&out, CRITICAL | 3, request->lepubkeyhash, LG_HASH_BYTES);
  secs_field(&out, request->secs);
  if (request->process != NULL) {
    const lg_process *process = request->process;
    const uint32_t ids[4] = {process->pid, process->tid, process->uid, process->gid};
    ids_field(&out, CRITICAL | 5, process->known, ids, 4);
    text_field(&out, CRITICAL | 6, process->comm, 64);
    text_field(&out, CRITICAL | 7, process->exe, 4096);
    text_field(&out, CRITICAL | 8, process->cgroup, 4096);
  }
  text_field(&out, CRITICAL | 9, request->vm_id, 256);
  text_field(&out, CRITICAL | 10, request->vm_name, 256);
  if (request->guest != NULL) {
    const uint32_t ids[2] = {request->guest->pid, request->guest->uid};
    ids_field(&out, CRITICAL | 11, request->guest->known, ids, 2);
    text_field(&out, CRITICAL | 12, request->guest->exe, 4096);
  }
  text_field(&out, 13, request->event_id, 256);
  if (out.failed || out.length > LG_FRAME_BYTES) return 0;
  put(frame, out.length, 4);
  frame[4] = REQUEST;
  return out.length;
}

/* ---- reading ---- */

/* The next field; 0 at the end, -1 where it is malformed. Numbers ascend, so each is there once. */
static int next_field(const uint8_t *body, size_t bytes, size_t *at, unsigned *last, unsigned *type, size_t *length) {
  if (*at == bytes) return 0;
  if (bytes - *at < 4) return -1;
  *type = (unsigned)get(body + *at, 2);
  *length = (size_t)get(body + *at + 2, 2);
  if ((*type & ~CRITICAL) <= *last || *length > bytes - *at - 4) return -1;
  *last = *type & ~CRITICAL;
  *at += 4 + *length;
  return 1;
}

static void deny(lg_verdict *verdict, const char *code, const char *message) {
  uint64_t id = verdict->id;
  memset(verdict, 0, sizeof *verdict);
  verdict->id = id;
  verdict->error = DENY_ERRNO;
  verdict->einit_error = DENY_EINIT;
  verdict->reasons = 1;
  snprintf(verdict->code, sizeof verdict->code, "%s", code);
  snprintf(verdict->message, sizeof verdict->message, "%s", message);
}

/* Keeps the first reason; the others must be well-formed all the same. */
static int read_reasons(lg_verdict *verdict, const uint8_t *at, size_t bytes, unsigned in_all) {
  unsigned count = 0;
  while (bytes > 0) {
    size_t code = at[0], message = bytes < 3 ? 0 : (size_t)get(at + 1, 2);
    if (bytes < 3 + code + message || code == 0 || code > 64 || message > 512 || ++count > MAX_REASONS) return -1;
    if (count == 1) {
      memcpy(verdict->code, at + 3, code);
      memcpy(verdict->message, at + 3 + code, message);
    }
    at += 3 + code + message;
    bytes -= 3 + code + message;
  }
  return count > in_all ? -1 : 0;
}

static int read_verdict(lg_verdict *verdict, const uint8_t *body, size_t bytes) {
  size_t at = VERDICT_BODY, length = 0;
  unsigned last = 0, type = 0;
  int more;
  if (bytes < VERDICT_BODY || body[8] > 1 || body[9] > 7) return -1;
  verdict->id = get(body, 8);
  verdict->allow = body[8];
  verdict->by_daemon = 1;
  verdict->reasons = (unsigned)get(body + 10, 2);
  verdict->error = (uint32_t)get(body + 12, 4);
  verdict->einit_error = (uint32_t)get(body + 16, 4);
  verdict->hold_ms = (uint32_t)get(body + 20, 4);
  verdict->generation = get(body + 24, 8);
  if (verdict->id == 0 || verdict->id > MAX_COUNT || verdict->generation > MAX_COUNT) return -1;
  if (verdict->allow ? verdict->error != 0 || verdict->einit_error != 0 : verdict->error == 0 || verdict->einit_error == 0)
    return -1;
  if ((!(body[9] & 4) && !all_zero(body + 32, 16)) || (!(body[9] & 1) && !all_zero(body + 48, 32)) ||
      (!(body[9] & 2) && !all_zero(body + 80, 32)))
    return -1;
  memcpy(verdict->decision_id, body + 32, 16);
  while ((more = next_field(body, bytes, &at, &last, &type, &length)) > 0) {
    if (type == 1 ? read_reasons(verdict, body + at - length, length, verdict->reasons) != 0 : last <= 1 || (type & CRITICAL))
      return -1;
  }
  return more;
}

static int about(const uint8_t *digest, int present, const uint8_t *wanted) {
  return wanted == NULL ? !present : present && memcmp(digest, wanted, 32) == 0;
}

int lg_decode_verdict(lg_verdict *verdict, const uint8_t *body, size_t bytes, const uint8_t *sigstruct_sha256,
                      const uint8_t *token_sha256) {
  memset(verdict, 0, sizeof *verdict);
  if (read_verdict(verdict, body, bytes) != 0) {
    deny(verdict, "protocol_error", "The daemon's verdict is malformed.");
    return -1;
  }
  if (!verdict->allow && !(body[9] & 3)) return 0;
  if (!about(body + 48, body[9] & 1, sigstruct_sha256) || !about(body + 80, body[9] & 2, token_sha256)) {
    deny(verdict, "digest_mismatch", "The daemon's verdict is about other bytes than were sent.");
    return -1;
  }
  return 0;
}

/* ---- the connection ---- */

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 1 where the socket is ready, 0 where it is too late, -1 where it is broken. */
static int wait_for(int fd, short events, int64_t until) {
  for (;;) {
    struct pollfd poller = {fd, events, 0};
    int64_t left = until - now_ms();
    int ready = left <= 0 ? 0 : poll(&poller, 1, left > 3600000 ? 3600000 : (int)left);
    if (ready > 0) return 1;
    if (ready == 0 && until - now_ms() <= 0) return 0;
    if (ready < 0 && errno != EINTR) return -1;
  }
}

/* 0, or -1. The descriptor goes with the first byte. */
static int send_all(int fd, const uint8_t *bytes, size_t count, int descriptor, int64_t until) {
  while (count > 0) {
    struct iovec part = {(void *)(uintptr_t)bytes, count};
    union {
      struct cmsghdr align;
      char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message;
    ssize_t sent;
    memset(&message, 0, sizeof message);
    memset(&control, 0, sizeof control);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptor >= 0) {
      struct cmsghdr *header;
      message.msg_control = control.bytes;
      message.msg_controllen = sizeof control.bytes;
      header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      bytes += sent;
      count -= (size_t)sent;
      descriptor = -1;
    } else if (sent < 0 && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
      return -1;
    } else if (wait_for(fd, POLLOUT, until) != 1) {
      return -1;
    }
  }
  return 0;
}

/* The next whole frame, valid until the next call: 1; 0 too late; -1 cut off; -2 no frame of version 1. */
static int read_frame(lg_client *client, int *type, const uint8_t **body, size_t *bytes, int64_t until) {
  if (client->used > 0) {
    memmove(client->in, client->in + client->used, client->have - client->used);
    client->have -= client->used;
    client->used = 0;
  }
  for (;;) {
    ssize_t got;
    int ready;
    if (client->have >= HEADER) {
      uint64_t length = get(client->in, 4);
      if (length < HEADER || length > LG_FRAME_BYTES || !all_zero(client->in + 5, 3)) return -2;
      if (client->have >= length) {
        *type = client->in[4];
        *body = client->in + HEADER;
        *bytes = (size_t)length - HEADER;
        client->used = (size_t)length;
        return 1;
      }
    }
    ready = wait_for(client->fd, POLLIN, until);
    if (ready != 1) return ready;
    got = recv(client->fd, client->in + client->have, sizeof client->in - client->have, MSG_DONTWAIT);
    if (got > 0) client->have += (size_t)got;
    else if (got == 0 || (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)) return -1;
  }
}

void lg_close(lg_client *client) {
  if (client->fd >= 0) close(client->fd);
  client->fd = -1;
  client->have = client->used = 0;
}

static int fail(lg_client *client, char *why, size_t why_bytes, const char *sentence) {
  if (why != NULL && why_bytes > 0) snprintf(why, why_bytes, "%s", sentence);
  lg_close(client);
  return -1;
}

/* Whether the fields after a message's fixed part are there once each, and none is one we must not skip. */
static int skippable(const uint8_t *body, size_t bytes, size_t at) {
  unsigned last = 0, type = 0;
  size_t length = 0;
  int more;
  while ((more = next_field(body, bytes, &at, &last, &type, &length)) > 0)
    if (type & CRITICAL) return 0;
  return more == 0;
}

int lg_connect(lg_client *client, const char *path, int provision_fd, int timeout_ms, char *why, size_t why_bytes) {
  int64_t until = now_ms() + timeout_ms;
  struct sockaddr_un address;
  uint8_t hello[HEADER + HELLO_BODY] = {HEADER + HELLO_BODY, 0, 0, 0, HELLO, 0, 0, 0, 'L', 'G', 'W', 'P', 1, 0, 1, 0};
  const uint8_t *body = NULL;
  size_t bytes = 0;
  int type = 0, got;
  memset(client, 0, sizeof *client);
  memset(&address, 0, sizeof address);
  client->next_id = 1;
  client->fd = strlen(path) >= sizeof address.sun_path ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (client->fd < 0) return fail(client, why, why_bytes, "the path is too long for a socket, or no socket can be had");
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, strlen(path));
  /* A unix socket connects at once or says EAGAIN where the daemon's backlog is full. */
  while (connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0) {
    if ((errno != EAGAIN && errno != EINTR) || now_ms() >= until)
      return fail(client, why, why_bytes, "the daemon cannot be reached");
    poll(NULL, 0, 5);
  }
  put(hello + HEADER + 8, LG_FRAME_BYTES, 4);
  /* Where it fails, the daemon may have said why before it hung up. */
  (void)send_all(client->fd, hello, sizeof hello, provision_fd, until);
  got = read_frame(client, &type, &body, &bytes, until);
  if (got == 0) return fail(client, why, why_bytes, "the daemon did not say hello in time");
  if (got == 1 && type == ERROR) return fail(client, why, why_bytes, "the daemon refuses this peer or version");
  if (got != 1 || type != HELLO || bytes < HELLO_BODY || memcmp(body, "LGWP", 4) != 0 || get(body + 4, 2) != 1 ||
      get(body + 6, 2) != 1 || get(body + 8, 4) < LG_FRAME_BYTES || get(body + 16, 8) > MAX_COUNT ||
      !skippable(body, bytes, HELLO_BODY))
    return fail(client, why, why_bytes, "what listens there does not speak version 1 of Launchgate's protocol");
  client->generation = get(body + 16, 8);
  return 0;
}

/* Takes in what may come at any time. 1: taken; 0: it is something else; -1: it is malformed, or an error. */
static int took(lg_client *client, int type, const uint8_t *body, size_t bytes) {
  if (type != REVOCATION && type != GOODBYE) return type == ERROR ? -1 : 0;
  if (bytes < 8 || !skippable(body, bytes, 8) || get(body, 8) > MAX_COUNT) return -1;
  if (type == GOODBYE) client->leaving = 1;
  else if (get(body, 8) > client->generation) client->generation = get(body, 8);
  return 1;
}

static int denied(lg_client *client, lg_verdict *verdict, const char *code, const char *message) {
  deny(verdict, code, message);
  lg_close(client);
  return 0;
}

int lg_decide(lg_client *client, const lg_request *request, lg_verdict *verdict, int timeout_ms) {
  int64_t until = now_ms() + timeout_ms;
  uint32_t told = timeout_ms <= 0 ? 1 : (uint32_t)timeout_ms - (timeout_ms > 500 ? 50 : (uint32_t)timeout_ms / 10);
  uint8_t frame[LG_FRAME_BYTES], sigstruct[32], token[32];
  size_t length, bytes = 0;
  const uint8_t *body = NULL;
  int type = 0, got;
  memset(verdict, 0, sizeof *verdict);
  if (client->fd < 0) return denied(client, verdict, "unreachable", "There is no connection to the daemon.");
  verdict->id = client->next_id++;
  length = lg_encode_request(frame, sizeof frame, verdict->id, request, told > 3600000 ? 3600000 : told);
  if (length == 0) return denied(client, verdict, "bad_request", "The launch cannot be put to the daemon as it is.");
  /* Over the bytes that are sent: the caller's may be in memory that others write to. */
  body = frame + HEADER + REQUEST_BODY + 4;
  if (request->sigstruct != NULL) {
    lg_sha256(sigstruct, body, LG_SIGSTRUCT_BYTES);
    body += LG_SIGSTRUCT_BYTES + 4;
  }
  if (request->token != NULL) lg_sha256(token, body, LG_TOKEN_BYTES);
  if (send_all(client->fd, frame, length, -1, until) != 0)
    return denied(client, verdict, "connection_lost", "The request could not be sent.");
  while ((got = read_frame(client, &type, &body, &bytes, until)) == 1) {
    uint64_t id = verdict->id;
    int taken = took(client, type, body, bytes);
    if (taken == 1) continue;
    if (type == ERROR) return denied(client, verdict, "daemon_refused", "The daemon ended the connection with an error.");
    if (taken != 0 || type != VERDICT || bytes < VERDICT_BODY || get(body, 8) != id) break;
    if (lg_decode_verdict(verdict, body, bytes, request->sigstruct == NULL ? NULL : sigstruct,
                          request->token == NULL ? NULL : token) != 0)
      lg_close(client);
    verdict->id = id;
    if (verdict->generation < client->generation) verdict->hold_ms = 0;
    return verdict->allow;
  }
  if (got == 0) return denied(client, verdict, "client_deadline", "No verdict came in time.");
  if (got == -1) return denied(client, verdict, "connection_lost", "The connection ended before the verdict.");
  return denied(client, verdict, "protocol_error", "What the daemon sent is not the wire protocol.");
}

int lg_result(lg_client *client, const lg_verdict *verdict, int outcome, uint32_t value, int timeout_ms) {
  uint8_t frame[HEADER + RESULT_BODY] = {HEADER + RESULT_BODY, 0, 0, 0, RESULT};
  if (client->fd < 0 || outcome < LG_LAUNCHED || outcome > LG_NOT_ATTEMPTED) return -1;
  put(frame + HEADER, verdict->id, 8);
  memcpy(frame + HEADER + 8, verdict->decision_id, 16);
  frame[HEADER + 24] = (uint8_t)outcome;
  put(frame + HEADER + 28, value, 4);
  if (send_all(client->fd, frame, sizeof frame, -1, now_ms() + timeout_ms) == 0) return 0;
  lg_close(client);
  return -1;
}

int lg_ping(lg_client *client, int timeout_ms) {
  int64_t until = now_ms() + timeout_ms;
  uint8_t frame[HEADER + 8] = {HEADER + 8, 0, 0, 0, PING};
  const uint8_t *body = NULL;
  size_t bytes = 0;
  int type = 0;
  if (client->fd < 0) return -1;
  put(frame + HEADER, client->next_id, 8);
  if (send_all(client->fd, frame, sizeof frame, -1, until) == 0) {
    while (read_frame(client, &type, &body, &bytes, until) == 1) {
      if (type == PONG && bytes >= 8 && get(body, 8) == client->next_id && skippable(body, bytes, 8)) return 0;
      if (took(client, type, body, bytes) != 1) break;
    }
  }
  lg_close(client);
  return -1;
}
