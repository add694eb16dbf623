/*
 * The C client of Launchgate's wire protocol, version 1: puts a launch to the daemon and gets its verdict. Truth:
 * ../protocol.md.
 *
 * One header, one source, C99 and POSIX, nothing else; no heap. Blocking, each call with a deadline. Fails closed: every
 * lg_decide() fills in the verdict, and whatever goes wrong, too late, cut off, malformed, about other bytes than were sent,
 * is a denial with a code of the client's own. Not for use by several threads at once: one lg_client for each.
 */
#ifndef LAUNCHGATE_H
#define LAUNCHGATE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LG_SIGSTRUCT_BYTES 1808
#define LG_TOKEN_BYTES 304
#define LG_HASH_BYTES 32
#define LG_CONFIGID_BYTES 64
/* The longest frame this client takes: what every peer must be able to take, and as much as a verdict can be. */
#define LG_FRAME_BYTES 16384

enum { LG_ENCLAVE_CREATE = 1, LG_ENCLAVE_PROVISION, LG_ENCLAVE_INIT, LG_VM_EPC, LG_VM_PROVISION };
/* Claims. 0 claims nothing. Whether they may be made is for the daemon's listener to say. */
enum { LG_NATIVE = 1, LG_KVM, LG_GUEST_AGENT, LG_FILE };
enum { LG_BY_KERNEL = 1, LG_BY_SECCOMP, LG_BY_AGENT, LG_BY_LIBRARY, LG_BY_NONE };
enum { LG_FLC_OFF = 1, LG_FLC_ON };
enum { LG_GRANT_FD = 1, LG_GRANT_VM_CAP, LG_GRANT_CONFIG };

/* Which fields of lg_secs are known, beside the attributes and their mask. */
enum {
  LG_SECS_ALLOWED = 0x01,
  LG_SECS_MISCSELECT = 0x02,
  LG_SECS_MISCSELECT_KNOWN = 0x04,
  LG_SECS_CET_ATTRIBUTES = 0x08,
  LG_SECS_CONFIGID = 0x10,
  LG_SECS_CONFIGSVN = 0x20,
  LG_SECS_SIZE = 0x40
};

/* A bit of flags or xfrm counts only where known_* has it; allowed_* bounds the others. */
typedef struct {
  uint64_t flags, xfrm, known_flags, known_xfrm, allowed_flags, allowed_xfrm;
  uint32_t miscselect, miscselect_known;
  uint64_t size;
  uint16_t configsvn;
  uint8_t cet_attributes;
  uint8_t present;
  uint8_t configid[LG_CONFIGID_BYTES];
} lg_secs;

/* Bits of `known`: 1 pid, 2 tid, 4 uid, 8 gid. Texts are UTF-8; NULL: unknown. */
typedef struct {
  uint32_t known, pid, tid, uid, gid;
  const char *comm, *exe, *cgroup;
} lg_process;

/* Bits of `known`: 1 pid, 2 uid. */
typedef struct {
  uint32_t known, pid, uid;
  const char *exe;
} lg_guest;

/* All zero and NULL says nothing; a hook of 0 is LG_ENCLAVE_INIT. Nothing here is kept after the call. */
typedef struct {
  uint8_t hook, origin, enforcement, flc, provisionkey, synthetic;
  const uint8_t *sigstruct;    /* LG_SIGSTRUCT_BYTES, or NULL */
  const uint8_t *token;        /* LG_TOKEN_BYTES, or NULL */
  const uint8_t *lepubkeyhash; /* LG_HASH_BYTES, or NULL */
  const lg_secs *secs;
  const lg_process *process;
  const char *vm_id, *vm_name;
  const lg_guest *guest;
  const char *event_id;
} lg_request;

typedef struct {
  int allow; /* 1 only where the daemon allowed just the bytes that were sent */
  int by_daemon;
  uint32_t error;       /* errno: 0 exactly where allow is 1 */
  uint32_t einit_error; /* for a guest's RAX: likewise */
  uint32_t hold_ms;     /* how long it may be used again for the same request, unless revoked; 0: not at all */
  uint64_t id, generation;
  uint8_t decision_id[16]; /* all zero: none */
  unsigned reasons;        /* how many there were; the first of them is: */
  char code[65];
  char message[513];
} lg_verdict;

typedef struct {
  int fd; /* -1: not connected */
  uint64_t next_id;
  uint64_t generation; /* verdicts of generations before this one must not be held any more */
  int leaving;         /* the daemon is shutting down */
  size_t have, used;
  uint8_t in[LG_FRAME_BYTES];
} lg_client;

/*
 * Connects and says hello. `provision_fd`: a descriptor of the opened /dev/sgx_provision, which proves the grant of
 * PROVISIONKEY, or -1; it is not closed. Returns 0, or -1 with a sentence in `why` (may be NULL, else `why_bytes` long).
 */
int lg_connect(lg_client *client, const char *path, int provision_fd, int timeout_ms, char *why, size_t why_bytes);

/* Returns 1 for allow and 0 for deny; `verdict` says the rest. After trouble the client is closed. */
int lg_decide(lg_client *client, const lg_request *request, lg_verdict *verdict, int timeout_ms);

enum { LG_LAUNCHED, LG_ERRNO, LG_SGX_ERROR, LG_NOT_ATTEMPTED };
/* Says what came of the launch that the verdict was about. Returns 0, or -1. Nothing answers it. */
int lg_result(lg_client *client, const lg_verdict *verdict, int outcome, uint32_t value, int timeout_ms);

/* Returns 0 where the daemon answered in time, else -1. Takes in revocations that have come meanwhile. */
int lg_ping(lg_client *client, int timeout_ms);

void lg_close(lg_client *client);

/*
 * The codec by itself, for other transports and for tests. lg_encode_request() returns the frame's length, or 0 where the
 * request is none or does not fit. lg_decode_verdict() takes a message's body and returns 0, or -1 where it is malformed or
 * is not about these digests (NULL: no such structure was sent); the verdict is then a denial.
 */
size_t lg_encode_request(uint8_t *frame, size_t bytes, uint64_t id, const lg_request *request, uint32_t deadline_ms);
int lg_decode_verdict(lg_verdict *verdict, const uint8_t *body, size_t bytes, const uint8_t *sigstruct_sha256,
                      const uint8_t *token_sha256);
void lg_sha256(uint8_t digest[32], const uint8_t *bytes, size_t count);

#ifdef __cplusplus
}
#endif
#endif
