//! All that a server would say, so that tales can be told apart.

use rsync_proto::delta::BlockLayout;
use rsync_proto::scripted::Script;
use rsync_proto::wire::flags::item;

use super::{Point, Request, Tale, capabilities};

impl Tale {
    /// To a client that has nothing and asks for every file twice. Equal tales have equal speeches, however they are cut
    /// into frames.
    ///
    /// Not what goes over a line: a client that has something asks for less.
    #[must_use]
    pub fn speech(&self) -> Vec<u8> {
        let mut script = Script::new(&self.agreed());
        self.say(Point::BeforeList, &mut script);
        self.put_list(&mut script);
        for point in [Point::AfterList, Point::BeforeAnswers] {
            self.say(point, &mut script);
        }
        let indexes = 0..2 * self.items.len() as u32 + 2;
        for index in indexes.clone().chain(indexes) {
            if script.path(index).is_none() {
                continue;
            }
            let (flags, layout) = (item::TRANSFER, BlockLayout::NONE);
            self.answer(&mut script, &Request { index, flags, layout, xattrs: Vec::new() });
        }
        for point in [Point::BeforeLastEnd, Point::BeforeStatistics, Point::AfterAll] {
            self.say(point, &mut script);
        }
        let ways = [self.floods_list, self.drips_at_once, self.says_goodbye];
        let manner = format!("{:?} {:?} {ways:?}", self.cut, self.drip);
        [&self.greeting, &self.reply, &capabilities(self), &script.bytes(), &self.flood, manner.as_bytes()]
            .map(|part| [&(part.len() as u64).to_le_bytes(), part].concat())
            .concat()
    }
}
