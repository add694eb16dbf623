# METADATA
# title: Who signed it
# description: >-
#   Whether MRSIGNER is listed, and whether what it is listed for covers this enclave. A listing by measurement that
#   holds, or the baseline profile where nothing is listed, makes these objections void; a public key is objected to
#   always.
package launch.signer

import data.launch.admission
import data.lib.text
import data.lib.validity

# METADATA
# title: The listing of this signer
# description: Undefined where there is none.
entry := data.launchgate.signers[input.enclave.mrsigner]

# METADATA
# title: The listing of this product by this signer
# description: Undefined where there is none, or where the signer is listed for any product.
product := entry.products[text.isvprodid]

# METADATA
# title: The signer is not listed
# description: MRSIGNER is not among data.launchgate.signers.
# custom:
#   code: signer_not_listed
#   fix: list the signer in signers, or the enclave in mrenclaves
objection contains {
	"code": "signer_not_listed",
	"message": concat("", ["signer ", text.mrsigner, " is not listed"]),
} if {
	not entry
}

# METADATA
# title: The product is not listed
# description: The signer is listed for some products, and ISVPRODID is not one of them.
# custom:
#   code: product_not_listed
#   fix: add the ISVPRODID to the products of the signer
objection contains {
	"code": "product_not_listed",
	"message": concat("", ["product ", text.isvprodid, " of signer ", text.name(entry), " is not listed"]),
	"listing": text.name(entry),
} if {
	entry.products
	not product
}

# METADATA
# title: The security version is too low
# description: ISVSVN is below the min_isvsvn of the product.
# custom:
#   code: isvsvn_too_low
#   fix: launch a newer build, or lower min_isvsvn
objection contains {
	"code": "isvsvn_too_low",
	"message": concat("", [
		"ISVSVN ",
		text.isvsvn,
		" is below ",
		text.number(product.min_isvsvn),
		" for product ",
		text.isvprodid,
		" of signer ",
		text.name(entry),
	]),
	"listing": text.name(entry),
} if {
	input.enclave.isvsvn < product.min_isvsvn
}

# METADATA
# title: The extended product id is not listed
# description: The product is listed for some extended product ids, and ISVEXTPRODID is not one of them.
# custom:
#   code: isvextprodid_not_listed
#   fix: add the ISVEXTPRODID to the isvextprodids of the product
objection contains {
	"code": "isvextprodid_not_listed",
	"message": concat("", ["ISVEXTPRODID is not listed for product ", text.isvprodid, " of signer ", text.name(entry)]),
	"listing": text.name(entry),
} if {
	product.isvextprodids
	not product.isvextprodids[input.enclave.isvextprodid]
}

# METADATA
# title: The family id is not listed
# description: The signer is listed for some family ids, and ISVFAMILYID is not one of them.
# custom:
#   code: isvfamilyid_not_listed
#   fix: add the ISVFAMILYID to the isvfamilyids of the signer
objection contains {
	"code": "isvfamilyid_not_listed",
	"message": concat("", ["ISVFAMILYID is not listed for signer ", text.name(entry)]),
	"listing": text.name(entry),
} if {
	entry.isvfamilyids
	not entry.isvfamilyids[input.enclave.isvfamilyid]
}

# METADATA
# title: The listing of the signer is not valid yet
# description: The event is earlier than not_before.
# custom:
#   code: signer_not_yet_valid
#   fix: wait, or move not_before of the signer
objection contains {
	"code": "signer_not_yet_valid",
	"message": concat("", ["the listing of signer ", text.name(entry), " is not valid yet"]),
	"listing": text.name(entry),
} if {
	validity.early(entry)
}

# METADATA
# title: The listing of the signer has expired
# description: The event is later than not_after.
# custom:
#   code: signer_expired
#   fix: renew the listing by moving not_after of the signer
objection contains {
	"code": "signer_expired",
	"message": concat("", ["the listing of signer ", text.name(entry), " has expired"]),
	"listing": text.name(entry),
} if {
	validity.late(entry)
}

# METADATA
# title: What stands against the signer
# description: The objections above, where nothing else admits the enclave.
violation contains found if {
	admission.signer_decides
	some found in objection
}

# METADATA
# title: The private key of the signer is public
# description: >-
#   MRSIGNER is the hash of a sample or test key whose private half is published: anybody can sign in its name. No listing
#   lifts this; an exception does, for a while.
# custom:
#   code: signer_key_public
#   fix: sign the enclave with a key of your own
violation contains {
	"code": "signer_key_public",
	"message": concat("", ["the private key of signer ", text.mrsigner, " is public: ", text.name(input.enclave.signer)]),
} if {
	input.enclave.signer.key_is_public == true
}
