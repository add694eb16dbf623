# METADATA
# title: Whether an enclave may be created
# description: >-
#   At ECREATE the signer is not known yet, so only the attributes and the place are judged: what could not launch for
#   anybody is refused early. EINIT decides.
package enclave.creation

import data.launch.admission
import data.launch.attributes
import data.launch.origin
import data.launch.verdict
import data.launch.vm
import data.lib.profile

# METADATA
# title: DEBUG is on, which no listing grants
# description: ATTRIBUTES.DEBUG is set, and no signer or measurement is listed with debug.
# custom:
#   code: debug_on
#   fix: create with DEBUG=0, or set debug in a listing
violation contains {
	"code": "debug_on",
	"message": "the enclave has DEBUG=1, and no listing grants that to anybody",
} if {
	input.enclave.debug == "on"
	not admission.grants_anybody("debug")
}

# METADATA
# title: PROVISIONKEY is on, which no listing grants
# description: ATTRIBUTES.PROVISIONKEY is set, and no signer or measurement is listed with provisionkey.
# custom:
#   code: provisionkey_not_listed
#   fix: set provisionkey in a listing
violation contains {
	"code": "provisionkey_not_listed",
	"message": "the enclave has PROVISIONKEY, and no listing grants that to anybody",
} if {
	input.enclave.provisionkey == "on"
	not admission.grants_anybody("provisionkey")
}

# METADATA
# title: EINITTOKENKEY is on, which no listing grants
# description: ATTRIBUTES.EINITTOKENKEY is set, and no signer or measurement is listed with einittokenkey.
# custom:
#   code: einittokenkey_not_listed
#   fix: set einittokenkey in a listing
violation contains {
	"code": "einittokenkey_not_listed",
	"message": "the enclave has EINITTOKENKEY, and no listing grants that to anybody",
} if {
	input.enclave.einittokenkey == "on"
	not admission.grants_anybody("einittokenkey")
}

# METADATA
# title: What stands against the attributes
violation contains found if some found in attributes.violation

# METADATA
# title: What stands against the place
# description: That it is closed, or that an attribute is forbidden there. Who may launch there is judged at EINIT.
violation contains found if some found in origin.closed

violation contains found if some found in origin.forbidden

violation contains found if some found in vm.closed

violation contains found if some found in vm.forbidden

# METADATA
# title: Whether the enclave may be created
default allow := false

allow if {
	profile.ready
	input.hook == "enclave_create"
	is_string(input.origin.kind)
	is_string(input.origin.enforcement)
	is_string(input.enclave.debug)
	is_string(input.enclave.provisionkey)
	is_string(input.enclave.einittokenkey)
	is_object(input.enclave.bits)
	count(deny) == 0
}

# METADATA
# title: The denials
deny := verdict.denials(violation)

# METADATA
# title: The answer
answer := {
	"allow": allow,
	"deny": deny,
	"warn": verdict.warnings(violation),
}
