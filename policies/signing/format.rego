# METADATA
# title: Whether the form is the SDM's
# description: What EINIT refuses at its first look, with SGX_INVALID_SIG_STRUCT.
package signing.format

import data.lib.text
import data.signing.shown

# METADATA
# title: HEADER is not the SDM's constant
# description: >-
#   EINIT compares all 16 bytes. Some tools set bit 31 of the word that Intel's SDK calls TYPE, to mark debug builds.
# custom:
#   code: header_invalid
#   fix: sign with a tool that writes the SDM's HEADER, with ReleaseType 0 where it has that option
violation contains {
	"code": "header_invalid",
	"message": concat("", ["HEADER is ", shown.header, ", not the SDM's constant"]),
} if {
	"header_invalid" in input.findings
}

# METADATA
# title: HEADER2 is not the SDM's constant
# description: EINIT compares all 16 bytes.
# custom:
#   code: header2_invalid
#   fix: sign with a tool that writes the SDM's HEADER2
violation contains {
	"code": "header2_invalid",
	"message": concat("", ["HEADER2 is ", shown.header2, ", not the SDM's constant"]),
} if {
	"header2_invalid" in input.findings
}

# METADATA
# title: VENDOR is neither 0 nor Intel's
# description: The CPU and Linux refuse any value but 0 and 0x8086.
# custom:
#   code: vendor_invalid
#   fix: sign with VENDOR 0
violation contains {
	"code": "vendor_invalid",
	"message": concat("", ["VENDOR is ", shown.vendor, ", expected 0"]),
} if {
	"vendor_invalid" in input.findings
}

# METADATA
# title: EXPONENT is not 3
# description: SGX knows RSA-3072 with exponent 3 only.
# custom:
#   code: exponent_invalid
#   fix: sign with an RSA-3072 key of exponent 3
violation contains {
	"code": "exponent_invalid",
	"message": concat("", ["EXPONENT is ", shown.exponent, ", expected 3"]),
} if {
	"exponent_invalid" in input.findings
}

# METADATA
# title: Reserved bytes are not zero
# description: EINIT refuses a SIGSTRUCT whose reserved bytes are not all zero.
# custom:
#   code: reserved_nonzero
#   fix: sign with a tool that leaves reserved bytes zero
violation contains {
	"code": "reserved_nonzero",
	"message": "reserved bytes of the SIGSTRUCT are not zero",
} if {
	"reserved_nonzero" in input.findings
}

# METADATA
# title: Something was found that this policy has no rule for
# description: A newer Launchgate sees more than this policy was written for. What nobody has judged is not passed.
# custom:
#   code: finding_unknown
#   fix: build the policy with this version of Launchgate
deny contains {
	"code": "finding_unknown",
	"message": concat("", ["found ", text.short(found), ", which this policy has no rule for"]),
	"finding": text.short(found),
} if {
	some found in input.findings
	not found in judged
}

# METADATA
# title: The findings that some rule judges
judged := {
	"attributes_reserved",
	"date_not_a_day",
	"date_not_bcd",
	"date_zero",
	"exponent_invalid",
	"header2_invalid",
	"header_invalid",
	"init_pinned",
	"kss_fields_without_kss",
	"q1_invalid",
	"q2_invalid",
	"reserved_nonzero",
	"signature_invalid",
	"vendor_invalid",
	"xfrm_legacy_off",
}
