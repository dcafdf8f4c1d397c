#!/usr/bin/perl
# An SMSC on Perl's Net::SMPP; what it says and hears is in __init__.py.
use strict;
use warnings;
use Encode qw(decode encode);
use IO::Select;
use JSON::PP;
use Net::SMPP;

use constant { THROTTLED => 0x58, BAD_PASSWORD => 0x0E, UDHI => 0x40 };

my %MODES    = (0x01 => 'receiver', 0x02 => 'transmitter', 0x09 => 'transceiver');
my %CHARSETS = (0 => 'iso-8859-1', 1 => 'ascii', 3 => 'iso-8859-1', 8 => 'UTF-16BE');

my $json = JSON::PP->new->utf8->canonical;
my ($throttle, $throttle_status, $receipts, $next_id, $orders) = (0, THROTTLED, 0, 1, '');
my (%bound, %unfinished, %waiting);    # by file number; by text; by file number and sequence

$| = 1;
$SIG{PIPE} = 'IGNORE';

my $listener = Net::SMPP->new_listen('127.0.0.1', port => 0, smpp_version => 0x34) or die "cannot listen: $!";
my $select = IO::Select->new($listener, \*STDIN);
say_event('listening', port => $listener->sockport);

while (1) {
    for my $ready ($select->can_read) {
        if    ($ready == $listener)    { my $link = $listener->accept; $select->add($link) if $link }
        elsif ($ready == \*STDIN)      { read_orders() }
        elsif (defined fileno($ready)) { read_link($ready) }
    }
}

sub say_event {
    my ($event, %more) = @_;
    print $json->encode({ event => $event, %more }), "\n";
}

sub read_orders {
    sysread(STDIN, $orders, 65536, length $orders) or exit 0;
    while ($orders =~ s/^([^\n]*)\n//) {
        obey($json->decode($1));
    }
}

sub obey {
    my ($order) = @_;
    my $cmd = $order->{cmd};
    if    ($cmd eq 'mo')       { send_text($order) }
    elsif ($cmd eq 'throttle') { ($throttle, $throttle_status) = ($order->{n}, $order->{status} // THROTTLED) }
    elsif ($cmd eq 'receipts') { $receipts = $order->{on} }
    elsif ($cmd eq 'unbind')   { $_->{link}->unbind(async => 1) for values %bound }
    elsif ($cmd eq 'cut')      { drop($_->{link}) for values %bound }
    elsif ($cmd eq 'stop')     { exit 0 }
}

sub drop {
    my ($link) = @_;
    delete $bound{ fileno $link };
    $select->remove($link);
    close $link;
    say_event('closed');
}

sub read_link {
    my ($link) = @_;
    local $SIG{__WARN__} = sub { };    # the library warns at each end of a link
    my $pdu = $link->read_pdu or return drop($link);
    my ($cmd, $seq) = ($pdu->{cmd}, $pdu->{seq});
    if    ($MODES{$cmd})             { bind_link($link, $pdu) }
    elsif ($cmd == 0x04)             { submitted($link, $pdu) }
    elsif ($cmd == 0x15)             { $link->enquire_link_resp(seq => $seq) }
    elsif ($cmd == 0x06)             { $link->unbind_resp(seq => $seq); drop($link) }
    elsif ($cmd == 0x80000006)       { drop($link) }
    elsif ($cmd == 0x80000005)       { acknowledged($link, $pdu) }
    elsif (not $cmd & 0x80000000)    { $link->generic_nack(seq => $seq, status => 3) }
}

sub bind_link {
    my ($link, $pdu) = @_;
    my $mode   = $MODES{ $pdu->{cmd} };
    my $answer = "bind_${mode}_resp";
    $link->set_version(0x34);
    if ($pdu->{system_id} ne 'shouwen' or $pdu->{password} ne 'secret') {
        $link->$answer(system_id => '', seq => $pdu->{seq}, status => BAD_PASSWORD);
        return drop($link);
    }
    $link->$answer(system_id => 'net-smpp', seq => $pdu->{seq});
    $bound{ fileno $link } = { link => $link, receives => $mode ne 'transmitter' };
    say_event('bound', system_id => $pdu->{system_id}, mode => $mode);
}

sub submitted {
    my ($link, $pdu) = @_;
    if ($throttle > 0) {
        $throttle--;
        return $link->submit_sm_resp(seq => $pdu->{seq}, status => $throttle_status, message_id => '');
    }
    my $id = $next_id++;
    $link->submit_sm_resp(seq => $pdu->{seq}, message_id => "$id");
    keep($pdu, "$id");
    send_receipt($pdu, "$id") if $receipts and ($pdu->{registered_delivery} & 3) == 1;
}

sub keep {
    my ($pdu, $id) = @_;
    my ($octets, $reference, $total, $number) = ($pdu->{message_payload} // $pdu->{short_message}, 0, 1, 1);
    if ($pdu->{esm_class} & UDHI) {
        my $header = substr $octets, 0, 1 + ord $octets, '';
        my $wide = ord(substr $header, 1) == 8;
        ($reference, $total, $number) = unpack $wide ? 'x3nCC' : 'x3CCC', $header;
    }
    my ($from, $to) = @{$pdu}{qw(source_addr destination_addr)};
    my $key  = join ',', $from, $to, $reference, $total;
    my $text = decode($CHARSETS{ $pdu->{data_coding} } // 'iso-8859-1', $octets);
    $unfinished{$key}{$number} = { id => $id, text => $text };
    return if keys %{ $unfinished{$key} } < $total;
    my $parts   = delete $unfinished{$key};
    my @ordered = map { $parts->{$_} } sort { $a <=> $b } keys %$parts;
    say_event('mt', from => $from, to => $to, text => join('', map { $_->{text} } @ordered),
        parts => $total, ids => [ map { $_->{id} } @ordered ]);
}

sub send_text {
    my ($order) = @_;
    my $dcs = $order->{data_coding} // { ucs2 => 8, latin1 => 3 }->{ $order->{coding} // '' } // 0;
    my $octets = $order->{octets} ? pack('H*', $order->{octets}) : encode($CHARSETS{$dcs}, $order->{text});
    deliver('mo_ack', $order->{id}, source_addr => $order->{from}, source_addr_ton => 1, source_addr_npi => 1,
        destination_addr => $order->{to}, data_coding => $dcs, esm_class => $order->{esm_class} // 0,
        short_message => $octets);
}

sub send_receipt {
    my ($pdu, $id) = @_;
    deliver('receipt_ack', $id, source_addr => $pdu->{destination_addr}, destination_addr => $pdu->{source_addr}, esm_class => 4,
        short_message => "id:$id sub:001 dlvrd:001 submit date:2601010000 done date:2601010000 stat:DELIVRD err:000 text:",
        receipted_message_id => "$id\0", message_state => "\x02");
}

sub deliver {
    my ($event, $id, @fields) = @_;
    my ($to) = grep { $_->{receives} } values %bound;
    return say_event($event, id => $id, status => undef) unless $to;
    my $seq = $to->{link}->deliver_sm(@fields, async => 1);
    $waiting{ fileno($to->{link}) . "-$seq" } = [ $event, $id ];
}

sub acknowledged {
    my ($link, $pdu) = @_;
    my $known = delete $waiting{ fileno($link) . "-$pdu->{seq}" } or return;
    say_event($known->[0], id => $known->[1], status => $pdu->{status});
}
