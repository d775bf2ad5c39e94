//! Processor time and memory of this process.

use std::time::Instant;

/// Milliseconds of processor time, user and system, that the work took, and its result.
pub fn processor_ms<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = processor_seconds();
    let result = std::hint::black_box(work());
    ((processor_seconds() - before) * 1e3, result)
}

/// Microseconds on the clock that the work took, and its result.
pub fn wall_us<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = std::hint::black_box(work());
    (start.elapsed().as_secs_f64() * 1e6, result)
}

fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec` behind a valid pointer.
    let answer = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(answer, 0, "the processor clock cannot be read");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Bytes on the heap that are in use.
pub fn heap_bytes() -> f64 {
    // SAFETY: the call takes nothing and returns a plain structure.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks as f64 + info.hblkhd as f64
}

/// The middle of the values.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
