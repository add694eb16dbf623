# METADATA
# title: Whether it can be debugged
# description: >-
#   DEBUG=1 gives the enclave's memory to whoever may trace its process. It takes a listing with the flag debug. What is
#   not known counts as on. An enclave known to run with DEBUG=0 whose SIGSTRUCT would launch with DEBUG=1 as well is
#   warned of, no more.
package launch.debug

import data.launch.admission
import data.lib.text

# METADATA
# title: DEBUG is on
# description: ATTRIBUTES.DEBUG is set, and no listing that admits the enclave grants it.
# custom:
#   code: debug_on
#   fix: launch with DEBUG=0, or set debug in the listing
violation contains {
	"code": "debug_on",
	"message": "the enclave runs with DEBUG=1",
} if {
	input.enclave.debug == "on"
	not admission.grants("debug")
}

# METADATA
# title: DEBUG may be on
# description: Nothing says whether ATTRIBUTES.DEBUG is set, and no listing that admits the enclave grants it.
# custom:
#   code: debug_unknown
#   fix: sign with DEBUG in ATTRIBUTEMASK and not in ATTRIBUTES, or set debug in the listing
violation contains {
	"code": "debug_unknown",
	"message": "the enclave may run with DEBUG=1: nothing pins the bit",
} if {
	not input.enclave.debug == "on"
	not input.enclave.debug == "off"
	not admission.grants("debug")
}

# METADATA
# title: DEBUG is off, but need not be
# description: The same SIGSTRUCT would launch with DEBUG=1, since ATTRIBUTEMASK leaves the bit free.
# custom:
#   code: debug_launchable
#   fix: sign with DEBUG in ATTRIBUTEMASK
warning contains {
	"code": "debug_launchable",
	"message": concat("", ["measurement ", text.mrenclave, " would launch with DEBUG=1 as well"]),
} if {
	input.enclave.debug == "off"
	input.enclave.debug_launchable == true
}
