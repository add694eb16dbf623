# METADATA
# title: What is revoked
# description: What never launches, whatever lists it. No exception lifts these denials.
package launch.revocation

import data.lib.text

# METADATA
# title: The measurement is revoked
# description: MRENCLAVE is among data.launchgate.revoked.mrenclaves.
# custom:
#   code: mrenclave_revoked
#   fix: launch a build that is not revoked
violation contains {
	"code": "mrenclave_revoked",
	"message": concat("", ["measurement ", text.mrenclave, " is revoked: ", text.reason(entry)]),
} if {
	entry := data.launchgate.revoked.mrenclaves[input.enclave.mrenclave]
}

# METADATA
# title: The signer is revoked
# description: MRSIGNER is among data.launchgate.revoked.mrsigners.
# custom:
#   code: mrsigner_revoked
#   fix: sign with a key that is not revoked
violation contains {
	"code": "mrsigner_revoked",
	"message": concat("", ["signer ", text.mrsigner, " is revoked: ", text.reason(entry)]),
} if {
	entry := data.launchgate.revoked.mrsigners[input.enclave.mrsigner]
}

# METADATA
# title: The product is revoked
# description: >-
#   ISVPRODID of this MRSIGNER is among data.launchgate.revoked.products, and ISVSVN is not above max_isvsvn where that
#   is given.
# custom:
#   code: product_revoked
#   fix: launch a build with a higher ISVSVN than the revoked ones
violation contains {
	"code": "product_revoked",
	"message": concat("", [
		"product ",
		text.isvprodid,
		" of signer ",
		text.mrsigner,
		" is revoked at ISVSVN ",
		text.isvsvn,
		": ",
		text.reason(product),
	]),
} if {
	product
	not outgrown
}

# METADATA
# title: The revocation of this product of this signer
# description: Undefined where there is none.
product := data.launchgate.revoked.products[input.enclave.mrsigner][text.isvprodid]

outgrown if product.max_isvsvn < input.enclave.isvsvn
