# METADATA
# title: Whether a VM may have the provision device
# description: >-
#   A VM with the device can give PROVISIONKEY to every enclave in it. Under strict and baseline alike the VM has to be
#   listed with provisionkey true.
package vm.provisioning

import data.launch.origin
import data.launch.verdict
import data.launch.vm as restrictions
import data.lib.profile
import data.lib.text

# METADATA
# title: The VM is not listed for PROVISIONKEY
# description: data.launchgate.vms does not say provisionkey true of this VM.
# custom:
#   code: vm_provisionkey_not_listed
#   fix: set provisionkey of the VM in vms
violation contains {
	"code": "vm_provisionkey_not_listed",
	"message": concat("", ["VM ", text.vm, " is not listed for PROVISIONKEY"]),
} if {
	not listed
}

# METADATA
# title: PROVISIONKEY is forbidden for this VM
# description: data.launchgate.vms says provisionkey false of this VM.
# custom:
#   code: vm_provisionkey
#   fix: set provisionkey of the VM in vms to true
violation contains {
	"code": "vm_provisionkey",
	"message": concat("", ["PROVISIONKEY is forbidden for VM ", text.vm]),
} if {
	restrictions.place.provisionkey == false
}

# METADATA
# title: PROVISIONKEY is forbidden for this origin
# description: data.launchgate.origins says provisionkey false, which no listing outweighs.
# custom:
#   code: origin_provisionkey
#   fix: remove provisionkey false from the origin
violation contains {
	"code": "origin_provisionkey",
	"message": concat("", ["PROVISIONKEY is forbidden for origin ", text.origin]),
} if {
	origin.place.provisionkey == false
}

listed if is_boolean(restrictions.place.provisionkey)

# METADATA
# title: What stands against the place
# description: That it is closed.
violation contains found if some found in origin.closed

violation contains found if some found in restrictions.closed

# METADATA
# title: Whether the VM may have the device
default allow := false

allow if {
	profile.ready
	input.hook == "vm_provision"
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
