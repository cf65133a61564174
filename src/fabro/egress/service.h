// faber-egressd itself: the orders of its jailer, and the sandboxes that they make.
#pragma once

#include "fabro/base/result.h"
#include "fabro/linux/unique_fd.h"

namespace fabro::egress {

// Serves the jailer behind `control` (egress/wire/control.h) until it hangs up. Confines this
// process first, for good (confine.h). An Error: it could not be confined, or the jailer speaks
// another language.
Status Serve(UniqueFd control);

}  // namespace fabro::egress
