/*
 * A peer for the tests of who asks: connects as another user, with descriptors beside its first byte.
 *
 *   grant SOCKET UID HOW COUNT PATH
 *
 * HOW: `open` or `o_path`, how PATH is opened; COUNT of its descriptors go along: one by the C client, several by hand, none
 * where it is 0; `silent` says nothing; `orphan` lets a child say hello and ends before. Then it asks once, and prints what
 * came of it: "connected ALLOW CODE" or "refused WHY". It stays until stdin ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "launchgate.h"

#define MANY 200

static int plain_connect(const char *path) {
  struct sockaddr_un to;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  memset(&to, 0, sizeof to);
  to.sun_family = AF_UNIX;
  strncpy(to.sun_path, path, sizeof to.sun_path - 1);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) exit(3);
  return fd;
}

/* Anything: the daemon refuses it before it reads it. */
static void send_many(int socket, int fd, int count) {
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * MANY)];
  } control;
  struct iovec data = {"hello", 5};
  struct msghdr message;
  struct cmsghdr *header;
  memset(&message, 0, sizeof message);
  memset(&control, 0, sizeof control);
  message.msg_iov = &data, message.msg_iovlen = 1;
  message.msg_control = control.bytes, message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count);
  header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET, header->cmsg_type = SCM_RIGHTS, header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
  for (int i = 0; i < count; i++) memcpy(CMSG_DATA(header) + sizeof(int) * (size_t)i, &fd, sizeof fd);
  if (sendmsg(socket, &message, MSG_NOSIGNAL) != 5) exit(4);
}

static void wait_for_stdin(void) {
  char byte;
  fflush(stdout);
  while (read(0, &byte, 1) > 0) continue;
}

int main(int argc, char **argv) {
  static lg_client client;
  static uint8_t sigstruct[LG_SIGSTRUCT_BYTES];
  char why[128] = "", answer[256];
  lg_request request;
  lg_verdict verdict;
  int uid = argc == 6 ? atoi(argv[2]) : -1, count = argc == 6 ? atoi(argv[4]) : -1, fd = -1;
  if (uid < 0 || count < 0 || count > MANY) return 1;
  if (count > 0) fd = open(argv[5], strcmp(argv[3], "o_path") == 0 ? O_PATH : O_RDWR);
  if (count > 0 && fd < 0) return 2;
  if (uid != 0 && (setgid((gid_t)uid) != 0 || setuid((uid_t)uid) != 0)) return 2;
  if (strcmp(argv[3], "silent") == 0) {
    plain_connect(argv[1]);
    wait_for_stdin();
    return 0;
  }
  if (strcmp(argv[3], "orphan") == 0) {
    int socket = plain_connect(argv[1]);
    if (fork() == 0) {
      if (write(socket, "hello", 5) == 5) wait_for_stdin();
    }
    return 0;
  }
  if (count > 1) {
    int socket = plain_connect(argv[1]);
    send_many(socket, fd, count);
    /* 8 bytes of header, 16 of an error, 4 of its field: then the message. */
    ssize_t got = recv(socket, answer, sizeof answer - 1, 0);
    printf("refused %.*s\n", got > 28 ? (int)(got - 28) : 0, answer + 28);
    wait_for_stdin();
    return 0;
  }
  memset(&request, 0, sizeof request);
  request.sigstruct = sigstruct;
  if (lg_connect(&client, argv[1], fd, 5000, why, sizeof why) != 0) printf("refused %s\n", why);
  else {
    lg_decide(&client, &request, &verdict, 5000);
    printf("connected %d %s\n", verdict.allow, verdict.code);
  }
  wait_for_stdin();
  lg_close(&client);
  return 0;
}
