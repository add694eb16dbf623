# METADATA
# title: Which product and version it says it is
package signing.version

import data.lib.text
import data.signing.shown

# METADATA
# title: ISVSVN was left at 0
# description: >-
#   ISVSVN tells a build with a fix from one without. Sealed data and verifiers that ask for a minimum have nothing to go by
#   where it is never raised, and no policy can ask for less than 0.
# custom:
#   code: isvsvn_zero
#   fix: start at 1, and raise ISVSVN with each release that fixes a vulnerability
warn contains {
	"code": "isvsvn_zero",
	"message": "ISVSVN is 0, as signing tools leave it",
} if {
	input.enclave.isvsvn == 0
}

# METADATA
# title: ISVPRODID was left at 0
# description: >-
#   ISVPRODID tells the products of one signer apart. Enclaves that share it can unseal each other's data, and a verifier
#   takes one for the other.
# custom:
#   code: isvprodid_zero
#   fix: give each product of yours an ISVPRODID other than 0
warn contains {
	"code": "isvprodid_zero",
	"message": "ISVPRODID is 0, as signing tools leave it",
} if {
	input.enclave.isvprodid == 0
}

# METADATA
# title: ISVSVN is below the minimum
# description: data.launchgate.signing.min_isvsvn says where this site's versions have got to.
# custom:
#   code: isvsvn_below_minimum
#   fix: sign with an ISVSVN of at least min_isvsvn
deny contains {
	"code": "isvsvn_below_minimum",
	"message": concat("", [
		"ISVSVN is ",
		text.isvsvn,
		", expected at least ",
		shown.min_isvsvn,
	]),
} if {
	data.launchgate.signing.min_isvsvn > input.enclave.isvsvn
}
