/*
 * An example: asks a Launchgate daemon whether an enclave may be launched.
 *
 *   cc -std=c99 -o ask ask.c launchgate.c && ./ask /run/launchgate/launchgate.sock enclave.sigstruct
 *
 * Exits with 0 for allow, 2 for deny, 1 where it could not ask.
 */
#include <stdio.h>
#include <string.h>

#include "launchgate.h"

/* 1 where the file has just so many bytes. */
static int read_exactly(const char *path, uint8_t *bytes, size_t count) {
  FILE *file = fopen(path, "rb");
  size_t got = file == NULL ? 0 : fread(bytes, 1, count, file);
  int exact = file != NULL && got == count && fgetc(file) == EOF;
  if (file != NULL) fclose(file);
  return exact;
}

/* What came over a socket may have escapes for a terminal in it. */
static void print_text(const char *text) {
  for (; *text != '\0'; text++) putchar(*text < 0x20 || *text > 0x7e ? '?' : *text);
}

int main(int argc, char **argv) {
  static lg_client client;
  uint8_t sigstruct[LG_SIGSTRUCT_BYTES], token[LG_TOKEN_BYTES];
  char why[128];
  lg_request request;
  lg_verdict verdict;
  memset(&request, 0, sizeof request);
  if (argc < 3 || argc > 4) {
    fprintf(stderr, "usage: ask SOCKET SIGSTRUCT [TOKEN]\n");
    return 1;
  }
  if (!read_exactly(argv[2], sigstruct, sizeof sigstruct)) {
    fprintf(stderr, "ask: %s is not a file of %d bytes\n", argv[2], LG_SIGSTRUCT_BYTES);
    return 1;
  }
  if (argc == 4 && !read_exactly(argv[3], token, sizeof token)) {
    fprintf(stderr, "ask: %s is not a file of %d bytes\n", argv[3], LG_TOKEN_BYTES);
    return 1;
  }
  request.sigstruct = sigstruct;
  request.token = argc == 4 ? token : NULL;
  if (lg_connect(&client, argv[1], -1, 1000, why, sizeof why) != 0) {
    fprintf(stderr, "ask: %s\n", why);
    return 1;
  }
  lg_decide(&client, &request, &verdict, 2000);
  printf(verdict.allow ? "allow" : "deny ");
  print_text(verdict.code);
  if (verdict.message[0] != '\0') printf(": ");
  print_text(verdict.message);
  putchar('\n');
  /* Here the launcher would launch exactly these bytes, and then say what came of it. */
  if (verdict.by_daemon) lg_result(&client, &verdict, LG_NOT_ATTEMPTED, 0, 1000);
  lg_close(&client);
  return verdict.allow ? 0 : 2;
}
