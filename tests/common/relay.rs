//! A relay on loopback between one browser and the server: loses what it is told to lose, and may change its own address
//! as a NAT does.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Which way a datagram goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Way {
    Up,
    Down,
}

/// Decides on a datagram: false loses it.
pub type Filter = Box<dyn FnMut(Way, &[u8]) -> bool + Send>;

/// Passes datagrams on until it is dropped.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    near: UdpSocket,
    /// Towards the server. Replaced by [`Relay::rebind`].
    far: Mutex<Arc<UdpSocket>>,
    server: SocketAddr,
    browser: Mutex<Option<SocketAddr>>,
    filter: Mutex<Filter>,
    stop: AtomicBool,
}

/// How long a thread sleeps before it looks for the end or for a new socket.
const NAP: Duration = Duration::from_millis(20);

impl Relay {
    /// A relay to `server` that loses nothing.
    pub fn to(server: SocketAddr) -> Relay {
        let near = bind();
        let address = near.local_addr().unwrap();
        let shared = Arc::new(Shared {
            near,
            far: Mutex::new(Arc::new(bind())),
            server,
            browser: Mutex::new(None),
            filter: Mutex::new(Box::new(|_, _| true)),
            stop: AtomicBool::new(false),
        });
        let (up, down) = (shared.clone(), shared.clone());
        let threads = vec![std::thread::spawn(move || up.carry_up()), std::thread::spawn(move || down.carry_down())];
        Relay { address, shared, threads }
    }

    /// Where the browser has to send.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on `filter` decides.
    pub fn filter(&self, filter: impl FnMut(Way, &[u8]) -> bool + Send + 'static) {
        *self.shared.filter.lock().unwrap() = Box::new(filter);
    }

    /// From now on the server sees the browser at another port.
    pub fn rebind(&self) {
        *self.shared.far.lock().unwrap() = Arc::new(bind());
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // Its panic would have failed what the test waits for.
            let _ = thread.join();
        }
    }
}

fn bind() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(NAP)).unwrap();
    socket
}

impl Shared {
    fn passes(&self, way: Way, datagram: &[u8]) -> bool {
        (self.filter.lock().unwrap())(way, datagram)
    }

    fn carry_up(&self) {
        let mut buffer = [0; 2_048];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((len, from)) = self.near.recv_from(&mut buffer) else { continue };
            *self.browser.lock().unwrap() = Some(from);
            if self.passes(Way::Up, &buffer[..len]) {
                let far = self.far.lock().unwrap().clone();
                // A full buffer is one more lossy network.
                let _ = far.send_to(&buffer[..len], self.server);
            }
        }
    }

    fn carry_down(&self) {
        let mut buffer = [0; 2_048];
        while !self.stop.load(Ordering::Relaxed) {
            let far = self.far.lock().unwrap().clone();
            let Ok((len, _)) = far.recv_from(&mut buffer) else { continue };
            let Some(browser) = *self.browser.lock().unwrap() else { continue };
            if self.passes(Way::Down, &buffer[..len]) {
                let _ = self.near.send_to(&buffer[..len], browser);
            }
        }
    }
}

/// Loses RTP and RTCP at random, and nothing else.
pub fn lossy(seed: u64, percent: u32, ways: &'static [Way]) -> impl FnMut(Way, &[u8]) -> bool + Send + 'static {
    use rand::{Rng, SeedableRng};
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    move |way, datagram| {
        let media = datagram.first().is_some_and(|first| (128..192).contains(first));
        !(media && ways.contains(&way) && rng.random_range(0..100) < percent)
    }
}
