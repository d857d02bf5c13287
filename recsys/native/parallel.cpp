#include "parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

namespace alsatian {

namespace {

constexpr auto kPollInterval = std::chrono::milliseconds(50);

thread_local const std::atomic<bool>* current_stop = nullptr;

// What the threads of one parallel_for share.
class Crew {
   public:
    Crew(std::int64_t tasks, const std::function<void(std::int64_t, int)>& body)
        : tasks_(tasks), body_(body) {}

    void work(int thread) noexcept {
        const std::atomic<bool>* const outer = current_stop;
        current_stop = &stop_;
        try {
            for (;;) {
                if (stop_.load(std::memory_order_relaxed)) break;
                const std::int64_t task = next_.fetch_add(1, std::memory_order_relaxed);
                if (task >= tasks_) break;
                body_(task, thread);
            }
        } catch (...) {
            const std::lock_guard<std::mutex> guard(mutex_);
            if (!error_) error_ = std::current_exception();
            stop_.store(true);
        }
        current_stop = outer;
    }

    void leave() {
        const std::lock_guard<std::mutex> guard(mutex_);
        ++left_;
        changed_.notify_one();
    }

    // Waits until `threads` workers have left, polling `interrupted` meanwhile.
    void wait(int threads, const std::function<bool()>& interrupted) {
        std::unique_lock<std::mutex> lock(mutex_);
        while (!changed_.wait_for(lock, kPollInterval, [&] { return left_ == threads; })) {
            if (!interrupted || interrupted_) continue;
            lock.unlock();
            const bool now = interrupted();
            lock.lock();
            if (now) {
                interrupted_ = true;
                stop_.store(true);
            }
        }
    }

    void stop() { stop_.store(true); }

    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
        if (interrupted_) throw Interrupted{};
    }

   private:
    const std::int64_t tasks_;
    const std::function<void(std::int64_t, int)>& body_;
    std::atomic<std::int64_t> next_{0};
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::exception_ptr error_;
    int left_ = 0;
    bool interrupted_ = false;
};

}  // namespace

int resolve_threads(int requested) {
    if (requested > 0) return requested;
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

void parallel_for(int threads, std::int64_t tasks,
                  const std::function<void(std::int64_t, int)>& body,
                  const std::function<bool()>& interrupted) {
    if (tasks <= 0) return;
    threads = static_cast<int>(std::min<std::int64_t>(resolve_threads(threads), tasks));
    Crew crew(tasks, body);
    if (threads == 1 && !interrupted) {
        crew.work(0);
        crew.rethrow();
        return;
    }
    std::vector<std::thread> workers;
    workers.reserve(static_cast<std::size_t>(threads));
    try {
        for (int t = 0; t < threads; ++t) {
            workers.emplace_back([&crew, t] {
                crew.work(t);
                crew.leave();
            });
        }
    } catch (...) {  // no further thread to be had: those that started must not outlive the crew
        crew.stop();
        for (auto& worker : workers) worker.join();
        throw;
    }
    crew.wait(threads, interrupted);
    for (auto& worker : workers) worker.join();
    crew.rethrow();
}

bool parallel_stopping() {
    return current_stop != nullptr && current_stop->load(std::memory_order_relaxed);
}

}  // namespace alsatian
