//! How does a panic in one request stay the fault of that request alone? (REL-20)

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future whose panic is a value. What it borrowed is not looked at again after a panic.
pub struct Caught<'a, T> {
    inner: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
}

/// The future panicked. The panic hook has logged it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

impl<'a, T> Caught<'a, T> {
    /// Wraps a future.
    pub fn new(inner: impl Future<Output = T> + Send + 'a) -> Caught<'a, T> {
        Caught { inner: Box::pin(inner) }
    }
}

impl<T> Future for Caught<'_, T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, Panicked>> {
        match catch_unwind(AssertUnwindSafe(|| self.inner.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_a_value() {
        assert_eq!(Caught::new(async { 7 }).await, Ok(7));
        let empty: Vec<u8> = Vec::new();
        let place = std::hint::black_box(3);
        assert_eq!(Caught::new(async move { empty[place] }).await, Err(Panicked));
    }
}
