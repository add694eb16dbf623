# METADATA
# title: The standard launch policy
# description: >-
#   All questions put together. Allow is a positive statement: a complete data document of a known profile, an
#   enclave_init event that says who and what, something that admits the enclave, and no denial left. A policy of your own
#   can build on all of this; it replaces the package launch alone.
package launch.standard

import data.launch.admission
import data.launch.attributes
import data.launch.debug
import data.launch.einittokenkey
import data.launch.lepubkeyhash
import data.launch.measurement
import data.launch.origin
import data.launch.provisionkey
import data.launch.revocation
import data.launch.signer
import data.launch.token
import data.launch.verdict
import data.launch.vm
import data.lib.profile

# METADATA
# title: Everything that any rule objects to
violation contains found if some found in revocation.violation

violation contains found if some found in signer.violation

violation contains found if some found in measurement.violation

violation contains found if some found in debug.violation

violation contains found if some found in provisionkey.violation

violation contains found if some found in einittokenkey.violation

violation contains found if some found in attributes.violation

violation contains found if some found in token.violation

violation contains found if some found in lepubkeyhash.violation

violation contains found if some found in origin.violation

violation contains found if some found in vm.violation

# METADATA
# title: The denials
deny := verdict.denials(violation)

# METADATA
# title: The warnings
warn := debug.warning | verdict.warnings(violation)

# METADATA
# title: Whether the enclave may launch
default allow := false

allow if {
	profile.ready
	identified
	admission.admitted
	count(deny) == 0
}

# METADATA
# title: The answer
answer := {
	"allow": allow,
	"deny": deny,
	"warn": warn,
}

# METADATA
# title: The event is an enclave_init that says who, what, when and where
identified if {
	input.hook == "enclave_init"
	is_number(input.time)
	is_string(input.origin.kind)
	is_string(input.origin.enforcement)
	is_string(input.enclave.mrsigner)
	is_string(input.enclave.mrenclave)
	is_number(input.enclave.isvprodid)
	is_number(input.enclave.isvsvn)
	is_string(input.enclave.isvfamilyid)
	is_string(input.enclave.isvextprodid)
	is_object(input.enclave.bits)
}
