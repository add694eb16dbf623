# METADATA
# title: Fields for messages
# description: Everything here has a value for every input, so that a message cannot make its rule undefined.
package signing.shown

import data.lib.text

default header := "unknown"

header := text.short(input.sigstruct.header)

default header2 := "unknown"

header2 := text.short(input.sigstruct.header2)

default vendor := "unknown"

vendor := text.number(input.sigstruct.vendor)

default exponent := "unknown"

exponent := text.number(input.sigstruct.exponent)

default date := "unknown"

date := text.short(input.sigstruct.date)

default miscmask := "unknown"

miscmask := text.short(input.sigstruct.miscmask)

default flags := "unknown"

flags := text.short(input.sigstruct.attributes.flags)

default xfrm := "unknown"

xfrm := text.short(input.sigstruct.attributes.xfrm)

default min_isvsvn := "unknown"

min_isvsvn := text.number(data.launchgate.signing.min_isvsvn)

default signer := "without a name"

signer := text.name(input.enclave.signer)

default before_mrsigner := "unknown"

before_mrsigner := text.short(input.baseline.enclave.mrsigner)

default before_isvprodid := "unknown"

before_isvprodid := text.number(input.baseline.enclave.isvprodid)

default before_isvsvn := "unknown"

before_isvsvn := text.number(input.baseline.enclave.isvsvn)

default before_date := "unknown"

before_date := text.short(input.baseline.sigstruct.date)

# METADATA
# title: Words as short texts
words(list) := [text.short(word) | some word in list]
