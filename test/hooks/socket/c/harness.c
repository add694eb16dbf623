/*
 * Puts the C client to the test: commands on stdin, a line each, one line of answer on stdout.
 *
 *   encode short|full|vm ID DEADLINE     the frame in hex
 *   decode BODY|- SIGSTRUCT-SHA|- TOKEN-SHA|-   "RESULT ALLOW BY-DAEMON ERRNO EINIT HOLD GENERATION ID REASONS CODE|MESSAGE"
 *   sha256 HEX                           the digest in hex
 *   session PATH N BYTE TIMEOUT                N decisions over one connection: "ALLOWED DENIED LAST-CODE"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launchgate.h"

static char line[1 << 18];
static uint8_t bytes[1 << 17];

static size_t unhex(const char *text, uint8_t *to) {
  size_t count = 0;
  unsigned value;
  for (; text[0] != '\0' && text[1] != '\0' && sscanf(text, "%2x", &value) == 1; text += 2) to[count++] = (uint8_t)value;
  return count;
}

static void print_hex(const uint8_t *from, size_t count) {
  for (size_t i = 0; i < count; i++) printf("%02x", from[i]);
  putchar('\n');
}

static void encode(const char *which, uint64_t id, uint32_t deadline) {
  static uint8_t sigstruct[LG_SIGSTRUCT_BYTES], token[LG_TOKEN_BYTES], hash[LG_HASH_BYTES], frame[LG_FRAME_BYTES];
  lg_secs secs;
  lg_process process = {1 | 4 | 8, 7, 99, 0, 100, "qemu", "/usr/bin/qemu", "/machine"};
  lg_guest guest = {1, 42, 99, "/opt/app"};
  lg_request request;
  memset(&request, 0, sizeof request);
  memset(&secs, 0, sizeof secs);
  memset(sigstruct, 0xaa, sizeof sigstruct);
  memset(token, 0xbb, sizeof token);
  memset(hash, 0xcc, sizeof hash);
  if (strcmp(which, "vm") != 0) request.sigstruct = sigstruct;
  if (strcmp(which, "vm") == 0) {
    request.hook = LG_VM_PROVISION;
    request.vm_id = "vm-1";
  }
  if (strcmp(which, "full") == 0) {
    secs.flags = 0x15, secs.xfrm = 0xe7;
    secs.known_flags = UINT64_MAX, secs.known_xfrm = 3;
    secs.allowed_flags = 0x37, secs.allowed_xfrm = 0x602e7;
    secs.miscselect = 1, secs.miscselect_known = 0xffffffff;
    secs.size = 0x100000000, secs.configsvn = 513, secs.cet_attributes = 2, secs.present = 0x7f;
    memset(secs.configid, 0xdd, sizeof secs.configid);
    request.token = token;
    request.lepubkeyhash = hash;
    request.secs = &secs;
    request.origin = LG_GUEST_AGENT;
    request.enforcement = LG_BY_AGENT;
    request.flc = LG_FLC_ON;
    request.provisionkey = LG_GRANT_VM_CAP;
    request.synthetic = 1;
    request.process = &process;
    request.vm_id = "vm-1", request.vm_name = "b\xc3\xbcro";
    request.guest = &guest;
    request.event_id = "e-1";
  }
  print_hex(frame, lg_encode_request(frame, sizeof frame, id, &request, deadline));
}

static void decode(const char *body, const char *sigstruct, const char *token) {
  static uint8_t sigstruct_sha[1 << 12], token_sha[1 << 12];
  uint8_t *exact;
  size_t count = unhex(body, bytes);
  lg_verdict verdict;
  int result;
  unhex(sigstruct, sigstruct_sha);
  unhex(token, token_sha);
  /* In memory of just this size, so that the sanitizer sees every byte too far. */
  exact = malloc(count == 0 ? 1 : count);
  if (exact == NULL) abort();
  memcpy(exact, bytes, count);
  result = lg_decode_verdict(&verdict, exact, count, *sigstruct == '-' ? NULL : sigstruct_sha,
                             *token == '-' ? NULL : token_sha);
  free(exact);
  printf("%d %d %d %u %u %u %llu %llu %u ", result, verdict.allow, verdict.by_daemon, (unsigned)verdict.error,
         (unsigned)verdict.einit_error, (unsigned)verdict.hold_ms, (unsigned long long)verdict.generation,
         (unsigned long long)verdict.id, verdict.reasons);
  for (const char *at = verdict.code; *at != '\0'; at++) putchar(*at == '\n' ? '?' : *at);
  putchar('|');
  for (const char *at = verdict.message; *at != '\0'; at++) putchar(*at == '\n' ? '?' : *at);
  putchar('\n');
}

static void session(const char *path, int count, int byte, int timeout) {
  static lg_client client;
  static uint8_t sigstruct[LG_SIGSTRUCT_BYTES];
  char why[128] = "";
  lg_request request;
  lg_verdict verdict;
  int allowed = 0, denied = 0;
  memset(&request, 0, sizeof request);
  memset(&verdict, 0, sizeof verdict);
  memset(sigstruct, byte, sizeof sigstruct);
  request.sigstruct = sigstruct;
  if (lg_connect(&client, path, -1, 1000, why, sizeof why) != 0) snprintf(verdict.code, sizeof verdict.code, "%.60s", why);
  else
    for (int i = 0; i < count; i++) {
      if (lg_decide(&client, &request, &verdict, timeout)) allowed++;
      else denied++;
      if (verdict.by_daemon) lg_result(&client, &verdict, verdict.allow ? LG_LAUNCHED : LG_ERRNO, verdict.error, 1000);
    }
  if (client.fd >= 0 && count > 1 && lg_ping(&client, 1000) != 0) snprintf(verdict.code, sizeof verdict.code, "no pong");
  lg_close(&client);
  printf("%d %d %s\n", allowed, denied, verdict.code[0] == '\0' ? "-" : verdict.code);
}

int main(void) {
  while (fgets(line, sizeof line, stdin) != NULL) {
    char *word[6] = {"", "", "", "", "", ""};
    int words = 0;
    for (char *at = strtok(line, " \n"); at != NULL && words < 6; at = strtok(NULL, " \n")) word[words++] = at;
    if (strcmp(word[0], "encode") == 0)
      encode(word[1], strtoull(word[2], NULL, 10), (uint32_t)strtoul(word[3], NULL, 10));
    else if (strcmp(word[0], "decode") == 0) decode(word[1], word[2], word[3]);
    else if (strcmp(word[0], "session") == 0) session(word[1], atoi(word[2]), atoi(word[3]), atoi(word[4]));
    else if (strcmp(word[0], "sha256") == 0) {
      uint8_t digest[32];
      size_t count = unhex(word[1], bytes);
      lg_sha256(digest, bytes, count);
      print_hex(digest, sizeof digest);
    }
    fflush(stdout);
  }
  return 0;
}
