# METADATA
# title: The standard signing policy
# description: >-
#   All questions put together. Allow is a positive statement: a complete data document, an input that says what was signed
#   and when it is judged, and no denial left. The profile plays no part: what hosts tolerate is no measure for a release.
package signing.standard

import data.lib.profile
import data.signing.attributes
import data.signing.baseline
import data.signing.custom
import data.signing.date
import data.signing.debug
import data.signing.format
import data.signing.item
import data.signing.keys
import data.signing.kss
import data.signing.mask
import data.signing.signature
import data.signing.signer
import data.signing.verdict
import data.signing.version
import data.signing.xfrm

# METADATA
# title: What makes the signature unusable
violation contains found if some found in format.violation

violation contains found if some found in signature.violation

violation contains found if some found in attributes.violation

violation contains found if some found in xfrm.violation

violation contains found if some found in kss.violation

violation contains found if some found in baseline.violation

violation contains item.of(found) if some found in custom.violation

# METADATA
# title: What denies by default
deny contains found if some found in debug.deny

deny contains found if some found in signer.deny

deny contains found if some found in keys.deny

deny contains found if some found in mask.deny

deny contains found if some found in attributes.deny

deny contains found if some found in version.deny

deny contains found if some found in kss.deny

deny contains found if some found in date.deny

deny contains found if some found in format.deny

deny contains found if some found in baseline.deny

deny contains item.of(found) if some found in custom.deny

# METADATA
# title: What warns by default
warn contains found if some found in signer.warn

warn contains found if some found in mask.warn

warn contains found if some found in attributes.warn

warn contains found if some found in xfrm.warn

warn contains found if some found in version.warn

warn contains found if some found in date.warn

warn contains found if some found in baseline.warn

warn contains item.of(found) if some found in custom.warn

found := {"violation": violation, "deny": deny, "warn": warn}

# METADATA
# title: What denies, once the data document has had its say
denials := verdict.denials(found)

# METADATA
# title: Whether the enclave may be released
default allow := false

allow if {
	ready
	identified
	comparable
	count(denials) == 0
}

# METADATA
# title: The answer
answer := {
	"allow": allow,
	"deny": denials,
	"warn": verdict.warnings(found),
}

# METADATA
# title: The data document is there and complete, with what it says of signing
ready if {
	profile.ready
	is_object(data.launchgate.signing.rules)
	is_object(data.launchgate.signing.mrsigners)
	is_object(data.launchgate.signing.require)
}

# METADATA
# title: The input says what was signed, by whom, and when it is judged
identified if {
	is_null(input.hook)
	is_number(input.time)
	is_array(input.findings)
	described(input.enclave, input.sigstruct)
	signed(input)
}

# METADATA
# title: There is no baseline, or it says as much
comparable if is_null(input.baseline)

comparable if {
	described(input.baseline.enclave, input.baseline.sigstruct)
	signed(input.baseline)
	is_array(input.baseline.unmasked)
	is_array(input.baseline.gained)
}

described(enclave, sigstruct) if {
	is_string(enclave.mrenclave)
	is_number(enclave.isvprodid)
	is_number(enclave.isvsvn)
	is_object(enclave.bits)
	is_boolean(enclave.debug_launchable)
	is_object(sigstruct.attributes.bits)
	is_object(sigstruct.attributemask.bits)
}

signed(subject) if {
	subject.signed == true
	subject.sigstruct.signature == "valid"
	is_string(subject.enclave.mrsigner)
}

signed(subject) if {
	subject.signed == false
	subject.sigstruct.signature == "absent"
}
