#[derive(Clone, Copy)]
pub struct Bytes { pub a: u8, pub b: u8 }
#[derive(Clone, Copy)]
pub struct Three { pub a: u32, pub b: u32, pub c: u32 }
pub struct Big { pub a: u64, pub b: u64, pub c: u64 }
pub enum Shape { Empty, Square(u32), Box { width: u32, height: u16 } }

#[inline(never)]
pub fn text(s: &str, n: usize, p: Bytes, q: Three, b: Big) -> usize {
    std::hint::black_box((s, n, p.a + p.b, q.a + q.b + q.c, b.a + b.b + b.c));
    s.len()
}
#[inline(never)]
pub fn owned(s: String, v: &Vec<u32>, t: (u32, u64), o: Option<u32>) -> Option<u32> {
    std::hint::black_box((&s, v, t, o));
    o
}
#[inline(never)]
pub fn shapes(s: &Shape, f: f64, c: char) -> Bytes {
    std::hint::black_box((s, f, c));
    Bytes { a: 1, b: 2 }
}
#[inline(never)]
pub fn three(x: u32) -> Three { std::hint::black_box(Three { a: x, b: x, c: x }) }

fn main() {
    let v = vec![1, 2, 3];
    text("hello", 9, Bytes { a: 1, b: 2 }, Three { a: 3, b: 4, c: 5 }, Big { a: 6, b: 7, c: 8 });
    owned("own".to_string(), &v, (5, 6), Some(4));
    for s in [Shape::Empty, Shape::Square(2), Shape::Box { width: 3, height: 4 }] {
        shapes(&s, 1.5, 'x');
    }
    std::process::exit(three(1).c as i32)
}
