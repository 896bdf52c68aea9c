//! A program to trace. `target N` makes N rounds; a round i calls shop::add(i, 2),
//! shop::greet("round"), shop::Counter::get(i), shop::largest::<i32> and ::<i64>, and
//! shop::kind(Some or None).

use std::hint::black_box;

mod shop {
    pub struct Counter {
        pub id: u32,
        pub value: i64,
        pub name: String,
    }

    pub enum Shape {
        Empty,
        Square(u32),
        Box { width: u32, height: u16 },
    }

    impl Counter {
        #[inline(never)]
        pub fn get(&self, i: i32) -> i64 {
            self.value + i as i64
        }
    }

    #[inline(never)]
    pub fn add(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }

    #[inline(never)]
    pub fn greet(name: &str) -> usize {
        name.len()
    }

    #[inline(never)]
    pub fn largest<T: PartialOrd + Copy>(a: T, b: T) -> T {
        if a > b {
            a
        } else {
            b
        }
    }

    #[inline(never)]
    pub fn area(shape: &Shape) -> u32 {
        match shape {
            Shape::Empty => 0,
            Shape::Square(side) => side * side,
            Shape::Box { width, height } => width * *height as u32,
        }
    }

    #[inline(never)]
    pub fn kind(value: Option<&Counter>) -> bool {
        value.is_some()
    }
}

fn main() {
    let n: i32 = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1);
    let counter = shop::Counter { id: 7, value: 42, name: String::from("counter") };
    for i in 0..n {
        black_box(shop::add(black_box(i), 2));
        black_box(shop::greet(black_box("round")));
        black_box(black_box(&counter).get(i));
        black_box(shop::largest(black_box(i), 5i32));
        black_box(shop::largest(black_box(i as i64), 5i64));
        black_box(shop::area(black_box(&shop::Shape::Square(3))));
        black_box(shop::area(black_box(&shop::Shape::Box { width: 2, height: 4 })));
        black_box(shop::area(black_box(&shop::Shape::Empty)));
        black_box(shop::kind(black_box(Some(&counter))));
    }
    black_box((&counter.name, counter.id));
    println!("{} rounds", n);
}
