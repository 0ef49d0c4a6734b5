// A guest in Rust that brings no allocator: what `alloc` calls is imported.

#![no_std]
extern crate alloc;

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec, vec::Vec};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

/// A value that the compiler cannot follow, lest it drop the calls.
fn hidden<T>(value: T) -> T {
    let copy = unsafe { core::ptr::read_volatile(&value) };
    core::mem::forget(value);
    copy
}

/// What the functions return, as it is.
mod raw {
    use alloc::alloc::{alloc, alloc_zeroed, dealloc, realloc};
    use core::alloc::Layout;

    unsafe fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align_unchecked(size, align)
    }
    #[no_mangle]
    pub unsafe extern "C" fn rust_alloc(size: usize, align: usize) -> *mut u8 {
        alloc(layout(size, align))
    }
    #[no_mangle]
    pub unsafe extern "C" fn rust_alloc_zeroed(size: usize, align: usize) -> *mut u8 {
        alloc_zeroed(layout(size, align))
    }
    #[no_mangle]
    pub unsafe extern "C" fn rust_dealloc(p: *mut u8, size: usize, align: usize) {
        dealloc(p, layout(size, align))
    }
    #[no_mangle]
    pub unsafe extern "C" fn rust_realloc(p: *mut u8, size: usize, align: usize, to: usize) -> *mut u8 {
        realloc(p, layout(size, align), to)
    }
}

/// A vector that grows by `n` numbers; their sum.
#[no_mangle]
pub extern "C" fn vector(n: u32) -> u32 {
    let mut all = Vec::new();
    for i in 0..n {
        all.push(i);
    }
    all.iter().sum()
}

/// A map from `n` numbers to texts, of which every third is taken out again; the bytes of what is left.
#[no_mangle]
pub extern "C" fn map(n: u32) -> usize {
    let mut all = BTreeMap::new();
    for i in 0..n {
        let mut text = String::new();
        for j in 0..i % 50 {
            text.push((b'a' + (j % 26) as u8) as char);
        }
        all.insert(i.wrapping_mul(2654435761), text);
    }
    for i in (0..n).step_by(3) {
        all.remove(&i.wrapping_mul(2654435761));
    }
    all.values().map(String::len).sum()
}

/// Numbers other than 0 among `n` that are zeroed where they are allocated.
#[no_mangle]
pub extern "C" fn zeros(n: usize) -> usize {
    let mut dirt = vec![1u8; n];
    dirt[0] = 2;
    drop(hidden(dirt));
    let all = hidden(vec![0u8; n]);
    all.iter().filter(|&&x| x != 0).count()
}

#[repr(align(128))]
pub struct Line([u8; 128]);

/// The address of an object that is aligned to 128 bytes, which is then dropped.
#[no_mangle]
pub extern "C" fn line() -> usize {
    let line = hidden(Box::new(Line([7; 128])));
    &*line as *const Line as usize
}

/// A vector of those that grows by `n`: 0 where all stay aligned, and as they were.
#[no_mangle]
pub extern "C" fn lines(n: usize) -> usize {
    let mut all = Vec::new();
    for i in 0..n {
        all.push(Line([i as u8; 128]));
        hidden(&all);
    }
    all.iter().enumerate().filter(|(i, line)| line.0[127] != *i as u8 || (*line as *const Line as usize) % 128 != 0).count()
}

/// Forgets a box of 40 bytes; its address.
#[no_mangle]
pub extern "C" fn forget() -> *mut [u32; 10] {
    Box::into_raw(Box::new([3; 10]))
}

/// Asks for so many bytes, and has Rust's handler called when they cannot be had; 0.
#[no_mangle]
pub extern "C" fn demand(size: usize) -> usize {
    let all: Vec<u8> = hidden(Vec::with_capacity(size));
    (all.capacity() < size) as usize
}
