//! Packed bytes that are not needed before the end: where there are many they lie in a file without a name.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use super::Packed;

/// Takes packed bytes, and gives them back.
#[derive(Debug)]
pub struct Spool {
    /// bytes that may still be held in memory
    room: usize,
    places: Vec<Place>,
    file: Option<File>,
    /// of the file
    len: u64,
}

/// Packed bytes in a spool.
#[derive(Debug, Clone, Copy)]
pub struct Spooled(usize);

/// Where packed bytes lie.
#[derive(Debug)]
enum Place {
    Memory(Packed),
    File { at: u64, bytes: u32, len: usize, crc: u32 },
}

impl Spool {
    /// One that holds up to `room` bytes in memory, and all if there is no place for a file.
    ///
    /// The file lies in the system's directory for such (`TMPDIR`). It has no name, so that nobody can open it and nothing
    /// of it is left, however the program ends.
    pub fn new(room: usize) -> Self {
        Self { room, places: Vec::new(), file: None, len: 0 }
    }

    /// Takes `packed`.
    pub fn put(&mut self, packed: Packed) -> Spooled {
        let room = self.room.checked_sub(packed.packed_len());
        self.places.push(Place::Memory(packed));
        match room {
            Some(room) => self.room = room,
            None => self.spill(),
        }
        Spooled(self.places.len() - 1)
    }

    /// How many bytes were packed.
    pub fn unpacked_len(&self, spooled: Spooled) -> usize {
        match self.places.get(spooled.0) {
            Some(Place::Memory(packed)) => packed.len(),
            Some(Place::File { len, .. }) => *len,
            None => 0,
        }
    }

    /// What was put there.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, spooled: Spooled) -> io::Result<Cow<'_, Packed>> {
        match (self.places.get(spooled.0), &self.file) {
            (Some(Place::Memory(packed)), _) => Ok(Cow::Borrowed(packed)),
            (Some(Place::File { at, bytes, len, crc }), Some(file)) => {
                let mut file: &File = file;
                let mut deflated = vec![0; usize::try_from(*bytes).map_err(io::Error::other)?];
                file.seek(SeekFrom::Start(*at))?;
                file.read_exact(&mut deflated)?;
                Ok(Cow::Owned(Packed { deflated: deflated.into(), len: *len, crc: *crc }))
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Moves what is in memory into the file; from then on nothing more is held.
    fn spill(&mut self) {
        let mut places = std::mem::take(&mut self.places);
        self.room = 0;
        // What was put last is all there is in memory, but for the first time.
        for place in places.iter_mut().rev() {
            let Place::Memory(packed) = place else { break };
            match self.append(packed) {
                Ok(in_file) => *place = in_file,
                Err(error) => {
                    tracing::info!(%error, "there is no place for a temporary file, so that more memory is used");
                    // It will not be tried again for each.
                    self.room = usize::MAX;
                    break;
                }
            }
        }
        self.places = places;
    }

    fn append(&mut self, packed: &Packed) -> io::Result<Place> {
        let bytes = u32::try_from(packed.packed_len()).map_err(io::Error::other)?;
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.len))?;
        file.write_all(packed.deflated())?;
        let at = self.len;
        self.len += u64::from(bytes);
        Ok(Place::File { at, bytes, len: packed.len, crc: packed.crc })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_comes_back_from_memory_and_from_the_file() {
        let texts: Vec<Vec<u8>> = (0..50u8).map(|n| vec![n; usize::from(n) * 100]).collect();
        let all: usize = texts.iter().map(|text| Packed::of(text).packed_len()).sum();
        for (room, in_memory) in [(0, 0), (all / 2, 0), (all, 50), (usize::MAX, 50)] {
            let mut spool = Spool::new(room);
            let spooled: Vec<_> = texts.iter().map(|text| spool.put(Packed::of(text))).collect();
            let is_in_memory = |place: &&Place| matches!(place, Place::Memory(_));
            assert_eq!(spool.places.iter().filter(is_in_memory).count(), in_memory, "{room}");
            for (text, spooled) in texts.iter().zip(spooled).rev() {
                assert_eq!(spool.unpacked_len(spooled), text.len());
                assert!(spool.get(spooled).unwrap().bytes() == *text);
                assert_eq!(*spool.get(spooled).unwrap(), Packed::of(text));
            }
        }
    }
}
