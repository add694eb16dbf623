# METADATA
# title: What the kind of origin allows
# description: >-
#   Restrictions for one kind of origin: native, kvm, guest-agent or file. They only take away; nothing here admits an
#   enclave, and no listing outweighs them.
package launch.origin

import data.lib.text

# METADATA
# title: The restrictions for this origin
# description: Undefined where there are none.
place := data.launchgate.origins[input.origin.kind]

# METADATA
# title: The origin is closed
# description: data.launchgate.origins says enabled false.
# custom:
#   code: origin_disabled
#   fix: enable the origin in data.launchgate.origins
closed contains {
	"code": "origin_disabled",
	"message": concat("", ["no enclave may launch from origin ", text.origin]),
} if {
	place.enabled == false
}

# METADATA
# title: The origin is not enforced as it has to be
# description: data.launchgate.origins says how events of this origin are to be enforced, and this one is not.
# custom:
#   code: origin_enforcement
#   fix: use a source that enforces in one of the listed ways
closed contains {
	"code": "origin_enforcement",
	"message": concat("", ["launches from origin ", text.origin, " have to be enforced in another way"]),
} if {
	place.enforcement
	not place.enforcement[input.origin.enforcement]
}

# METADATA
# title: DEBUG is or may be on, and is forbidden for this origin
# description: data.launchgate.origins says debug false, which no listing outweighs.
# custom:
#   code: origin_debug
#   fix: launch without DEBUG, or somewhere else
forbidden contains {
	"code": "origin_debug",
	"message": concat("", ["DEBUG is forbidden for origin ", text.origin]),
} if {
	place.debug == false
	not input.enclave.debug == "off"
}

# METADATA
# title: PROVISIONKEY is or may be on, and is forbidden for this origin
# description: data.launchgate.origins says provisionkey false, which no listing outweighs.
# custom:
#   code: origin_provisionkey
#   fix: launch without PROVISIONKEY, or somewhere else
forbidden contains {
	"code": "origin_provisionkey",
	"message": concat("", ["PROVISIONKEY is forbidden for origin ", text.origin]),
} if {
	place.provisionkey == false
	not input.enclave.provisionkey == "off"
}

# METADATA
# title: EINITTOKENKEY is or may be on, and is forbidden for this origin
# description: data.launchgate.origins says einittokenkey false, which no listing outweighs.
# custom:
#   code: origin_einittokenkey
#   fix: launch without EINITTOKENKEY, or somewhere else
forbidden contains {
	"code": "origin_einittokenkey",
	"message": concat("", ["EINITTOKENKEY is forbidden for origin ", text.origin]),
} if {
	place.einittokenkey == false
	not input.enclave.einittokenkey == "off"
}

# METADATA
# title: The signer is not listed for this origin
# description: data.launchgate.origins names the signers for this origin, and MRSIGNER is not one of them.
# custom:
#   code: origin_signer_not_listed
#   fix: add the signer to the mrsigners of the origin
unlisted contains {
	"code": "origin_signer_not_listed",
	"message": concat("", ["signer ", text.mrsigner, " is not listed for origin ", text.origin]),
} if {
	place.mrsigners
	not place.mrsigners[input.enclave.mrsigner]
}

# METADATA
# title: The measurement is not listed for this origin
# description: data.launchgate.origins names the measurements for this origin, and MRENCLAVE is not one of them.
# custom:
#   code: origin_mrenclave_not_listed
#   fix: add the measurement to the mrenclaves of the origin
unlisted contains {
	"code": "origin_mrenclave_not_listed",
	"message": concat("", ["measurement ", text.mrenclave, " is not listed for origin ", text.origin]),
} if {
	place.mrenclaves
	not place.mrenclaves[input.enclave.mrenclave]
}

# METADATA
# title: What stands against the origin
# description: Nothing where the data document restricts it in no way.
violation := (closed | forbidden) | unlisted if place

else := set()
