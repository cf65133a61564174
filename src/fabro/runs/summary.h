// What a run's events say about it, for people: a fold from events to a RunSummary. Internal.
#pragma once

#include "fabro/model/event.h"
#include "fabro/runs/runs.h"
#include "fabro/store/event_store.h"

namespace fabro::runs {

// Takes one event in. The store's part of the summary only: `ref` and `live` are the caller's.
void Take(const model::Event& event, RunSummary& summary);

Result<RunSummary> Summarize(store::EventStore& events);

}  // namespace fabro::runs
