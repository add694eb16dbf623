# METADATA
# title: Whose launch tokens a guest may use
# description: >-
#   A guest may own the launch enclave hash it sees, and with it name a launch enclave of its own. Where it passes a valid
#   token, the hash has to be listed. A native launch passes no token, and without one there is nothing to judge.
package launch.lepubkeyhash

import data.lib.text

# METADATA
# title: The launch enclave hash is not known
# description: A guest passes a valid token, and the source does not know IA32_SGXLEPUBKEYHASH. Tolerated under baseline.
# custom:
#   code: lepubkeyhash_unknown
#   fix: have the source say the hash, or launch without a token
violation contains {
	"code": "lepubkeyhash_unknown",
	"message": "a guest passes a launch token, and the launch enclave hash is not known",
} if {
	judged
	not known
}

# METADATA
# title: No launch enclave is listed
# description: A guest passes a valid token, and data.launchgate.lepubkeyhashes is empty. Tolerated under baseline.
# custom:
#   code: lepubkeyhash_none_listed
#   fix: list the hash in lepubkeyhashes, or launch without a token
violation contains {
	"code": "lepubkeyhash_none_listed",
	"message": concat("", [
		"a guest passes a launch token for the launch enclave hash ",
		text.short(input.platform.lepubkeyhash),
		", and no launch enclave is listed",
	]),
} if {
	judged
	known
	count(data.launchgate.lepubkeyhashes) == 0
}

# METADATA
# title: The launch enclave is not among the listed ones
# description: A guest passes a valid token, and IA32_SGXLEPUBKEYHASH is not among data.launchgate.lepubkeyhashes.
# custom:
#   code: lepubkeyhash_not_listed
#   fix: list the hash in lepubkeyhashes, or launch without a token
violation contains {
	"code": "lepubkeyhash_not_listed",
	"message": concat("", [
		"a guest passes a launch token for the launch enclave hash ",
		text.short(input.platform.lepubkeyhash),
		", which is not listed",
	]),
} if {
	judged
	known
	count(data.launchgate.lepubkeyhashes) > 0
	not data.launchgate.lepubkeyhashes[input.platform.lepubkeyhash]
}

known if is_string(input.platform.lepubkeyhash)

judged if {
	input.token.valid == true
	guest
}

guest if input.origin.kind == "kvm"

guest if input.origin.kind == "guest-agent"
