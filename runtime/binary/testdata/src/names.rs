#![no_std]
#![no_main]

pub mod inner {
    pub trait Sum { fn sum(&self, more: u32) -> u32; }
    impl Sum for [u32; 3] {
        #[inline(never)]
        fn sum(&self, more: u32) -> u32 { self[0] + self[1] + self[2] + more }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }

#[no_mangle]
pub extern "C" fn _start() -> ! {
    use inner::Sum;
    let n = unsafe { core::ptr::read_volatile(&3) };
    unsafe { core::ptr::write_volatile(n as *mut u32, [n, 2, 3].sum(4)) };
    loop {}
}
