# METADATA
# title: What was measured
# description: >-
#   Whether the listing of MRENCLAVE, where there is one, holds: the signer and the product it is pinned to, the least
#   ISVSVN, its time. An enclave that is not listed by measurement is not objected to here; the signer decides.
package launch.measurement

import data.launch.admission
import data.lib.text
import data.lib.validity

# METADATA
# title: The listing of this measurement
# description: Undefined where there is none.
entry := data.launchgate.mrenclaves[input.enclave.mrenclave]

# METADATA
# title: The listed measurement is pinned to another signer
# description: MRSIGNER is not the mrsigner of the listing.
# custom:
#   code: mrenclave_signer_mismatch
#   fix: correct mrsigner of the listed measurement, or find out who signed this build
objection contains {
	"code": "mrenclave_signer_mismatch",
	"message": concat("", ["measurement ", text.name(entry), " is listed for another signer than ", text.mrsigner]),
	"listing": text.name(entry),
} if {
	entry.mrsigner
	not entry.mrsigner == input.enclave.mrsigner
}

# METADATA
# title: The listed measurement is pinned to another product
# description: ISVPRODID is not the isvprodid of the listing.
# custom:
#   code: mrenclave_product_mismatch
#   fix: correct isvprodid of the listed measurement
objection contains {
	"code": "mrenclave_product_mismatch",
	"message": concat("", [
		"measurement ",
		text.name(entry),
		" is listed for product ",
		text.number(entry.isvprodid),
		", not ",
		text.isvprodid,
	]),
	"listing": text.name(entry),
} if {
	entry.isvprodid
	not entry.isvprodid == input.enclave.isvprodid
}

# METADATA
# title: The security version of the listed measurement is too low
# description: ISVSVN is below the min_isvsvn of the listing.
# custom:
#   code: mrenclave_isvsvn_too_low
#   fix: sign the build with a higher ISVSVN, or lower min_isvsvn of the listed measurement
objection contains {
	"code": "mrenclave_isvsvn_too_low",
	"message": concat("", [
		"ISVSVN ",
		text.isvsvn,
		" is below ",
		text.number(entry.min_isvsvn),
		" for measurement ",
		text.name(entry),
	]),
	"listing": text.name(entry),
} if {
	input.enclave.isvsvn < entry.min_isvsvn
}

# METADATA
# title: The listing of the measurement is not valid yet
# description: The event is earlier than not_before.
# custom:
#   code: mrenclave_not_yet_valid
#   fix: wait, or move not_before of the listed measurement
objection contains {
	"code": "mrenclave_not_yet_valid",
	"message": concat("", ["the listing of measurement ", text.name(entry), " is not valid yet"]),
	"listing": text.name(entry),
} if {
	validity.early(entry)
}

# METADATA
# title: The listing of the measurement has expired
# description: The event is later than not_after.
# custom:
#   code: mrenclave_expired
#   fix: renew the listing by moving not_after of the measurement
objection contains {
	"code": "mrenclave_expired",
	"message": concat("", ["the listing of measurement ", text.name(entry), " has expired"]),
	"listing": text.name(entry),
} if {
	validity.late(entry)
}

# METADATA
# title: What stands against the measurement
# description: The objections above, where nothing else admits the enclave.
violation contains found if {
	admission.measurement_decides
	some found in objection
}
