# METADATA
# title: Whether an enclave may be given the provision device
# description: >-
#   A process asks for its enclave to have PROVISIONKEY before anybody knows who signed. It is refused where no listing
#   grants that to anybody, or the place forbids it. EINIT decides.
package enclave.provisioning

import data.launch.admission
import data.launch.origin
import data.launch.verdict
import data.launch.vm
import data.lib.profile
import data.lib.text

# METADATA
# title: No listing grants PROVISIONKEY
# description: No signer or measurement is listed with provisionkey.
# custom:
#   code: provisionkey_not_listed
#   fix: set provisionkey in a listing
violation contains {
	"code": "provisionkey_not_listed",
	"message": "no listing grants PROVISIONKEY to anybody",
} if {
	not admission.grants_anybody("provisionkey")
}

# METADATA
# title: PROVISIONKEY is forbidden for this origin
# description: data.launchgate.origins says provisionkey false, which no listing outweighs.
# custom:
#   code: origin_provisionkey
#   fix: ask from somewhere else, or remove provisionkey false from the origin
violation contains {
	"code": "origin_provisionkey",
	"message": concat("", ["PROVISIONKEY is forbidden for origin ", text.origin]),
} if {
	origin.place.provisionkey == false
}

# METADATA
# title: PROVISIONKEY is forbidden for this VM
# description: data.launchgate.vms says provisionkey false, which no listing outweighs.
# custom:
#   code: vm_provisionkey
#   fix: ask from somewhere else, or remove provisionkey false from the VM
violation contains {
	"code": "vm_provisionkey",
	"message": concat("", ["PROVISIONKEY is forbidden for VM ", text.vm]),
} if {
	vm.place.provisionkey == false
}

# METADATA
# title: What stands against the place
# description: That it is closed.
violation contains found if some found in origin.closed

violation contains found if some found in vm.closed

# METADATA
# title: Whether the device may be given
default allow := false

allow if {
	profile.ready
	input.hook == "enclave_provision"
	is_string(input.origin.kind)
	is_string(input.origin.enforcement)
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
