# METADATA
# title: Which enclaves may launch in production
# description: The standard policy (data.launch.standard) as it is; launchgate/data.yaml says by what it judges.
package launch

import data.launch.standard

# METADATA
# title: The answer to enclave_init
# entrypoint: true
decision := {
	"allow": allow,
	"deny": standard.deny,
	"warn": standard.warn,
}

default allow := false

allow if standard.allow
