# METADATA
# title: What admits the enclave
# description: >-
#   An enclave is admitted by the listing of its signer, by the listing of its measurement, under baseline by nothing
#   being listed for it, by an exception, or by the open profile. Listings that admit also grant what they are flagged
#   with. Being admitted is not being allowed: that takes the absence of denials too.
package launch.admission

import data.launch.exceptions
import data.launch.measurement
import data.launch.signer

# METADATA
# title: The listing of the signer holds in every point
by_signer if {
	signer.entry
	count(signer.objection) == 0
}

# METADATA
# title: The listing of the measurement holds in every point
by_measurement if {
	measurement.entry
	count(measurement.objection) == 0
}

# METADATA
# title: Baseline, and nobody has said anything of this signer or this measurement
by_baseline if {
	data.launchgate.profile == "baseline"
	is_string(input.enclave.mrsigner)
	is_string(input.enclave.mrenclave)
	not signer.entry
	not measurement.entry
}

# METADATA
# title: Admitted without any exception
regularly if by_signer

regularly if by_measurement

regularly if by_baseline

# METADATA
# title: The listing of the signer holds but for what exceptions lift
by_signer_excepted if {
	not regularly
	signer.entry
	every found in signer.objection {
		found.code in exceptions.lifted
	}
}

# METADATA
# title: The listing of the measurement holds but for what exceptions lift
by_measurement_excepted if {
	not regularly
	not by_signer_excepted
	measurement.entry
	every found in measurement.objection {
		found.code in exceptions.lifted
	}
}

# METADATA
# title: An exception says that this signer need not be listed
by_exception if {
	not regularly
	not signer.entry
	"signer_not_listed" in exceptions.lifted
}

# METADATA
# title: Something admits the enclave
admitted if regularly

admitted if by_signer_excepted

admitted if by_measurement_excepted

admitted if by_exception

admitted if data.launchgate.profile == "open"

# METADATA
# title: The objections to the signer count
# description: Nothing else admits the enclave.
signer_decides if {
	not regularly
	not by_measurement_excepted
}

# METADATA
# title: The objections to the measurement count
# description: Nothing else admits the enclave.
measurement_decides if {
	not regularly
	not by_signer_excepted
}

# METADATA
# title: A listing that admits the enclave grants it a flag
# description: The flags are debug, provisionkey and einittokenkey. Exceptions and profiles grant none.
grants(flag) if {
	by_signer
	signer.entry[flag] == true
}

grants(flag) if {
	by_signer_excepted
	signer.entry[flag] == true
}

grants(flag) if {
	by_measurement
	measurement.entry[flag] == true
}

grants(flag) if {
	by_measurement_excepted
	measurement.entry[flag] == true
}

# METADATA
# title: Some listing grants a flag to somebody
# description: For hooks where it is not known yet who signed.
grants_anybody(flag) if {
	some entry in data.launchgate.signers
	entry[flag] == true
}

grants_anybody(flag) if {
	some entry in data.launchgate.mrenclaves
	entry[flag] == true
}
