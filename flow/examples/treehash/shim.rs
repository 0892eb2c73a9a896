use joinq_flow::{Failure, Job, Stage};
pub struct Workers;
impl Workers {
    pub fn threads<T: Send + Sync + 'static, R: Send + 'static>(
        stage: &Stage<T, R>,
        range: std::ops::RangeInclusive<usize>,
        f: impl Fn(&Job<T, R>) -> Result<R, Failure> + Send + Sync + 'static,
    ) {
        let f = std::sync::Arc::new(f);
        for _ in 0..*range.end() {
            let (f, stage) = (f.clone(), stage.clone());
            std::thread::spawn(move || stage.work(|job: &Job<T, R>| f(job)).wait());
        }
    }
}
