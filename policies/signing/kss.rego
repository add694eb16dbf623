# METADATA
# title: Whether it has KSS where it needs it
# description: ISVFAMILYID and ISVEXTPRODID belong to key separation and sharing, and say something only with KSS.
package signing.kss

# METADATA
# title: ISVFAMILYID is set and KSS is forbidden
# description: EINIT refuses every such launch with SGX_INVALID_SIG_STRUCT.
# custom:
#   code: kss_forbidden
#   fix: sign with KSS in ATTRIBUTES and in ATTRIBUTEMASK, or with ISVFAMILYID zero
violation contains {
	"code": "kss_forbidden",
	"message": "ISVFAMILYID is set, and ATTRIBUTES forbids KSS",
} if {
	forbidden
}

# METADATA
# title: KSS fields are set without KSS
# description: >-
#   Nothing makes the launch have KSS, and without it ISVEXTPRODID separates nothing, while EINIT refuses an ISVFAMILYID.
# custom:
#   code: kss_fields_without_kss
#   fix: sign with KSS in ATTRIBUTES and in ATTRIBUTEMASK, or with both ids zero
deny contains {
	"code": "kss_fields_without_kss",
	"message": "ISVFAMILYID or ISVEXTPRODID is set, and ATTRIBUTES does not demand KSS",
} if {
	"kss_fields_without_kss" in input.findings
	not forbidden
}

forbidden if {
	"kss_fields_without_kss" in input.findings
	input.enclave.kss == "off"
	input.sigstruct.isvfamilyid != "00000000000000000000000000000000"
}
