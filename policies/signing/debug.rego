# METADATA
# title: Whether it can be debugged
package signing.debug

import data.lib.text

# METADATA
# title: The signature permits a launch with DEBUG=1
# description: >-
#   With DEBUG=1 the enclave's memory is open to whoever runs it, and the keys are other ones. Signing tools leave DEBUG out
#   of the mask unless told otherwise, and then every launcher chooses for itself.
# custom:
#   code: debug_launchable
#   fix: >-
#     sign with DEBUG in ATTRIBUTEMASK and not in ATTRIBUTES (Intel's sgx_sign: DisableDebug 1; Gramine: sgx.debug false)
deny contains {
	"code": "debug_launchable",
	"message": concat("", ["measurement ", text.mrenclave, " can be launched with DEBUG=1: ATTRIBUTEMASK leaves the bit free"]),
} if {
	input.enclave.debug_launchable == true
	not input.enclave.debug == "on"
}

deny contains {
	"code": "debug_launchable",
	"message": concat("", ["measurement ", text.mrenclave, " is always launched with DEBUG=1: ATTRIBUTES demands it"]),
} if {
	input.enclave.debug == "on"
}
