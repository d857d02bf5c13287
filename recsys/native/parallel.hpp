// Threads for the native loops: plain std::thread, so that no OpenMP runtime meets torch's or FAISS's.
#pragma once

#include <cstdint>
#include <functional>

namespace alsatian {

// Raised by parallel_for when `interrupted` answered true; the binding turns it into KeyboardInterrupt.
struct Interrupted {};

// How many threads `requested` means: itself when positive, else the processors this process may use.
int resolve_threads(int requested);

// Calls body(task, thread) once for each task in [0, tasks), on `threads` threads, tasks taken in
// order from a shared counter. `interrupted` (may be empty) is polled about 20 times a second on the
// calling thread; when it answers true, or a body throws, the tasks not yet begun are left out, all
// threads are joined, and Interrupted or the first exception is thrown. Which thread runs a task is
// not fixed: a body whose result must be reproducible writes only to what belongs to its task.
void parallel_for(int threads, std::int64_t tasks,
                  const std::function<void(std::int64_t task, int thread)>& body,
                  const std::function<bool()>& interrupted = {});

// True on a thread inside parallel_for once its work is to be abandoned. A body that runs for more
// than about a tenth of a second asks now and then, and throws Interrupted where the answer is yes.
bool parallel_stopping();

}  // namespace alsatian
