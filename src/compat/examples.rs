//! Macros for the examples of methods that several of the modules have in common.

/// The text of the example of a method of the handle `$name`; `$part` is the last part.
macro_rules! example {
    ($name:ident: $($part:expr),+) => {
        concat!("# Examples\n```\n", example_channel!($name), "\n", $($part,)+ "\n```")
    };
}

/// The first lines of an example: a channel of this module with capacity 1 and one message, and the handle.
macro_rules! example_channel {
    (Sender) => {
        concat!("let (sender, receiver) = ", module_path!(), "::bounded(1);\nsender.try_send('a').unwrap();")
    };
    (Receiver) => {
        example_channel!(Sender)
    };
    (@flume $line:literal) => {
        concat!(
            "use joinq::compat::flume;\n\nlet (sender, receiver) = flume::bounded(1);\nsender.try_send('a').unwrap();\n",
            $line
        )
    };
    (SendFut) => {
        example_channel!(@flume "let send = sender.send_async('b');")
    };
    (SendSink) => {
        example_channel!(@flume "let sink = sender.sink();")
    };
    (RecvFut) => {
        example_channel!(@flume "let receive = receiver.recv_async();")
    };
    (RecvStream) => {
        example_channel!(@flume "let stream = receiver.stream();")
    };
}

/// The variable of a handle in an example, and that of the other side.
macro_rules! handle_name {
    (Sender) => {
        "sender"
    };
    (Receiver) => {
        "receiver"
    };
    (SendFut) => {
        "send"
    };
    (SendSink) => {
        "sink"
    };
    (RecvFut) => {
        "receive"
    };
    (RecvStream) => {
        "stream"
    };
    (other Sender) => {
        "receiver"
    };
    (other Receiver) => {
        "sender"
    };
    (other SendFut) => {
        "receiver"
    };
    (other SendSink) => {
        "receiver"
    };
    (other RecvFut) => {
        "sender"
    };
    (other RecvStream) => {
        "sender"
    };
}
