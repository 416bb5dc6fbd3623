#ifndef PILOTFISH_LAB_SELFCHECK_CHECK_OPTIONS_H_
#define PILOTFISH_LAB_SELFCHECK_CHECK_OPTIONS_H_

#include <vector>

#include "pilotfish/lab/selfcheck.h"

namespace pilotfish {

// Throws UsageError where there is no model, or an option is out of range.
void check_options(const std::vector<SelfcheckPair>& pairs,
                   const SelfcheckOptions& options);

}  // namespace pilotfish

#endif  // PILOTFISH_LAB_SELFCHECK_CHECK_OPTIONS_H_
