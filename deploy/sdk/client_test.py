"""TikTok's official Python SDK against `tokrelay sandbox`: what TikTok's own client sends is taken, and what comes back
is what its documents promise. `run` starts the simulator and gives its address in TOKRELAY_SANDBOX.

The SDK has no methods for /event/track/ and /segment/: those calls go through its generic ApiClient.call_api, with its
transport, its models of answers and its errors.
"""

import hashlib
import json
import os
import pathlib
import re
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from business_api_client import models
from business_api_client.api.account_management_api import AccountManagementApi
from business_api_client.api.audience_api import AudienceApi
from business_api_client.api.authentication_api import AuthenticationApi
from business_api_client.api.event_callback_api import EventCallbackApi
from business_api_client.api.measurement_api import MeasurementApi
from business_api_client.api_client import ApiClient
from business_api_client.configuration import Configuration
from business_api_client.tiktok_business.tiktok_exceptions import TiktokSDKError

SANDBOX = os.environ["TOKRELAY_SANDBOX"]
ADVERTISER = "7000000000000000001"
SECOND_ADVERTISER = "7000000000000000002"
PIXEL = "CTESTPIXELCODE000000"
OFFLINE_SET = "7000000000000000101"
TOKEN = "sandbox-token"
APP_ID, APP_SECRET = "7000000000000000901", "sandbox-secret"
EMAIL_SHA256 = "EMAIL_SHA256"

DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def digests(low, high):
    return [digest(f"member-{n}@shop.example") for n in range(low, high)]


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def control(path, **order):
    """Gives the simulator an order; see docs/sandbox.md."""
    request = urllib.request.Request(f"{SANDBOX}/sandbox/{path}", data=json.dumps(order).encode())
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def members(audience):
    """What the simulator holds of an audience."""
    with urllib.request.urlopen(f"{SANDBOX}/sandbox/audiences/{audience}/members") as answer:
        return set(json.load(answer).get(EMAIL_SHA256, []))


class WithClient(unittest.TestCase):
    """A test with the SDK's client, and with a simulator that holds nothing."""

    def setUp(self):
        configuration = Configuration()
        configuration.host = SANDBOX
        self.client = ApiClient(configuration)
        self.audiences = AudienceApi(self.client)
        self.events = EventCallbackApi(self.client)
        self.measurement = MeasurementApi(self.client)
        self.authentication = AuthenticationApi(self.client)
        control("reset")

    def data(self, answer):
        """The data of an answer in the form that the SDK gives every answer."""
        self.assertEqual(set(answer), {"data", "request_id"})
        self.assertIsInstance(answer["request_id"], str)
        self.assertTrue(answer["request_id"])
        self.assertIsInstance(answer["data"], dict)
        return answer["data"]

    def refused(self, code, text, call, *args, **kwargs):
        """The SDK raises, with the return code, a message that has `text` in it, and the request's id."""
        with self.assertRaises(TiktokSDKError) as caught:
            call(*args, **kwargs)
        self.assertRegex(str(caught.exception), r"^Error Code: \d+, message: .+, request_id: \w+")
        raised, message = re.match(r"Error Code: (\d+), message: (.*), request_id: ", str(caught.exception)).groups()
        self.assertEqual(int(raised), code)
        self.assertIn(text, message)
        return message

    def call(self, path, body, token=TOKEN):
        return self.client.call_api(
            f"/open_api/v1.3{path}", "POST", header_params={"Access-Token": token, "Accept": "application/json"},
            body=body, response_type="InlineResponse200", _return_http_data_only=True)

    def upload(self, lines, name="members.csv", kind=EMAIL_SHA256, signature=None, advertiser=ADVERTISER):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, name)
            file.write_text("".join(line + "\n" for line in lines))
            signature = signature or hashlib.md5(file.read_bytes()).hexdigest()
            return self.data(self.audiences.dmp_custom_audience_file_upload(
                TOKEN, advertiser_id=advertiser, calculate_type=kind, file=str(file), file_signature=signature))["file_path"]

    def create(self, path, name="Newsletter", **more):
        body = models.CustomAudienceCreateBody(
            advertiser_id=ADVERTISER, custom_audience_name=name, file_paths=[path], calculate_type=EMAIL_SHA256, **more)
        return self.data(self.audiences.dmp_custom_audience_create(TOKEN, body=body))["custom_audience_id"]

    def update(self, audience, **changes):
        body = models.CustomAudienceUpdateBody(advertiser_id=ADVERTISER, custom_audience_id=audience, **changes)
        return self.data(self.audiences.dmp_custom_audience_update(TOKEN, body=body))

    def get(self, audience):
        [one] = self.data(self.audiences.dmp_custom_audience_get(ADVERTISER, [audience], TOKEN))["list"]
        return one["audience_details"], one["audience_history"]


class Authentication(WithClient):
    def consent(self):
        """Agrees at the page of consent, as an advertiser does in a browser, and takes the code from the redirect."""
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None
        query = urllib.parse.urlencode({"app_id": APP_ID, "redirect_uri": "http://localhost:1/back", "state": "s-1"})
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.build_opener(Stay).open(f"{SANDBOX}/portal/auth?{query}")
        with caught.exception as answer:
            back = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query)
        self.assertEqual(back["state"], ["s-1"])
        return back["auth_code"][0]

    def exchange(self, code, secret=APP_SECRET):
        body = models.Oauth2AccessTokenBody(app_id=APP_ID, secret=secret, auth_code=code)
        return self.data(self.authentication.oauth2_access_token(body=body))

    def test_a_code_becomes_a_token_that_works(self):
        granted = self.exchange(self.consent())
        self.assertIn(ADVERTISER, granted["advertiser_ids"])
        self.assertTrue(all(isinstance(one, int) for one in granted["scope"]))
        listed = self.data(self.authentication.oauth2_advertiser_get(APP_ID, APP_SECRET, granted["access_token"]))["list"]
        self.assertIn(ADVERTISER, [one["advertiser_id"] for one in listed])
        self.assertTrue(all(isinstance(one["advertiser_name"], str) for one in listed))
        self.data(self.measurement.pixel_list(ADVERTISER, granted["access_token"]))

    def test_a_code_serves_once(self):
        code = self.consent()
        self.exchange(code)
        self.refused(40110, "The auth_code is canceled", self.exchange, code)

    def test_a_wrong_secret_raises(self):
        self.refused(40101, "", self.exchange, self.consent(), secret="another")

    def test_a_wrong_token_raises(self):
        self.refused(40105, "Access token is incorrect or has been revoked.", self.measurement.pixel_list, ADVERTISER, "another")

    def test_the_account_is_described(self):
        [one] = self.data(AccountManagementApi(self.client).advertiser_info([ADVERTISER], TOKEN))["list"]
        self.assertEqual(one["advertiser_id"], ADVERTISER)
        for field in ("name", "currency", "timezone", "status", "role", "country"):
            self.assertIsInstance(one[field], str, field)


class Files(WithClient):
    def test_an_upload_answers_a_path_of_sixteen_characters(self):
        self.assertRegex(self.upload(digests(0, 1000)), r"^\w{16}$")

    def test_a_text_file_is_taken_and_another_is_not(self):
        self.upload(digests(0, 1000), name="members.txt")
        self.refused(40908, "", self.upload, digests(0, 1000), name="members.json")

    def test_an_upload_with_a_wrong_signature_raises(self):
        self.refused(40900, "", self.upload, digests(0, 1000), signature="0" * 32)

    def test_an_empty_file_raises(self):
        self.refused(40906, "", self.upload, [])

    def test_an_unknown_type_raises(self):
        self.refused(40909, "", self.upload, digests(0, 1000), kind="EMAIL_PLAIN")

    def test_a_line_that_is_no_digest_raises(self):
        self.refused(40915, "", self.upload, digests(0, 1000) + ["member@shop.example"])

    def test_several_types_in_one_file(self):
        lines = ["email_SHA256,phone_SHA256"] + [f"{one},{digest(one)}" for one in digests(0, 1000)]
        path = self.upload(lines, kind="MULTIPLE_TYPES")
        body = models.CustomAudienceCreateBody(
            advertiser_id=ADVERTISER, custom_audience_name="Two types", file_paths=[path], calculate_type="MULTIPLE_TYPES")
        audience = self.data(self.audiences.dmp_custom_audience_create(TOKEN, body=body))["custom_audience_id"]
        self.assertEqual(members(audience), set(digests(0, 1000)))


class FileAudiences(WithClient):
    def test_an_audience_of_a_file_is_read_back(self):
        audience = self.create(self.upload(digests(0, 1500)), retention_in_days=30, audience_sub_type="REACH_FREQUENCY")
        self.assertIsInstance(audience, str)
        details, history = self.get(audience)
        wanted = {"audience_id": audience, "name": "Newsletter", "calculate_type": EMAIL_SHA256, "cover_num": 1500, "is_valid": True,
                  "is_creator": True, "shared": False, "is_expiring": True, "audience_sub_type": "REACH_FREQUENCY", "error_msg": None}
        self.assertEqual({key: details[key] for key in wanted}, wanted)
        self.assertRegex(details["create_time"], DATE_TIME)
        self.assertRegex(details["expired_time"], DATE_TIME)
        self.assertEqual([(one["action"], one["editor"]) for one in history], [("create", "open_api")])
        self.assertEqual(members(audience), set(digests(0, 1500)))

    def test_append_remove_and_replace(self):
        audience = self.create(self.upload(digests(0, 1500)))
        self.update(audience, file_paths=[self.upload(digests(1400, 2000))], action="APPEND")
        self.assertEqual(members(audience), set(digests(0, 2000)))
        self.update(audience, file_paths=[self.upload(digests(0, 500))], action="REMOVE")
        self.assertEqual(members(audience), set(digests(500, 2000)))
        self.update(audience, file_paths=[self.upload(digests(3000, 4200))])
        self.assertEqual(members(audience), set(digests(3000, 4200)), "REPLACE is the default")
        _, history = self.get(audience)
        self.assertEqual(len(history), 4)

    def test_the_action_that_the_model_always_sends_does_not_hinder_a_new_name(self):
        audience = self.create(self.upload(digests(0, 1000)))
        self.update(audience, custom_audience_name="Renamed", action="REPLACE")
        self.assertEqual(self.get(audience)[0]["name"], "Renamed")
        self.assertEqual(members(audience), set(digests(0, 1000)))

    def test_a_second_replace_within_a_day_raises(self):
        audience = self.create(self.upload(digests(0, 1000)))
        self.update(audience, file_paths=[self.upload(digests(0, 1200))], action="REPLACE")
        self.refused(40002, "existing unfinished replace operation", self.update, audience,
                     file_paths=[self.upload(digests(0, 1300))], action="REPLACE")

    def test_a_small_audience_is_not_valid_and_cannot_be_changed(self):
        audience = self.create(self.upload(digests(0, 999)))
        self.assertFalse(self.get(audience)[0]["is_valid"])
        self.refused(40002, "Audience is not editable, please check audience status", self.update, audience,
                     file_paths=[self.upload(digests(0, 1000))])

    def test_a_path_that_was_never_given_raises(self):
        self.refused(40905, "", self.create, "0123456789abcdef")

    def test_another_advertisers_audience_raises(self):
        audience = self.create(self.upload(digests(0, 1000)))
        self.refused(40001, "", self.audiences.dmp_custom_audience_get, SECOND_ADVERTISER, [audience], TOKEN)

    def test_the_list_has_pages(self):
        made = [self.create(self.upload(digests(0, 1000)), name=f"Audience {n}") for n in range(3)]
        answer = self.data(self.audiences.dmp_custom_audience_list(ADVERTISER, TOKEN, page=2, page_size=2))
        self.assertEqual(answer["page_info"], {"page": 2, "page_size": 2, "total_number": 3, "total_page": 2})
        self.assertEqual([one["audience_id"] for one in answer["list"]], made[:1])
        answer = self.data(self.audiences.dmp_custom_audience_list(ADVERTISER, TOKEN, custom_audience_ids=made[1:]))
        self.assertEqual({one["audience_id"] for one in answer["list"]}, set(made[1:]))
        self.assertTrue(all(one["audience_type"].startswith("Customer File") for one in answer["list"]))

    def test_a_deleted_audience_is_gone(self):
        audience = self.create(self.upload(digests(0, 1000)))
        body = models.CustomAudienceDeleteBody(advertiser_id=ADVERTISER, custom_audience_ids=[audience])
        self.assertEqual(self.data(self.audiences.dmp_custom_audience_delete(TOKEN, body=body)), {})
        self.refused(40007, "", self.get, audience)

    def test_an_audience_is_shared_listed_and_taken_back(self):
        audience = self.create(self.upload(digests(0, 1000)))
        body = models.CustomAudienceShareBody(
            advertiser_id=ADVERTISER, custom_audience_ids=[audience], shared_advertiser_ids=[SECOND_ADVERTISER])
        self.data(self.audiences.dmp_custom_audience_share(TOKEN, body=body))
        [seen] = self.data(self.audiences.dmp_custom_audience_list(SECOND_ADVERTISER, TOKEN))["list"]
        self.assertEqual((seen["audience_id"], seen["is_creator"], seen["shared"], seen["owner_id"]), (audience, False, True, ADVERTISER))
        [entry] = self.data(self.audiences.dmp_custom_audience_share_log(ADVERTISER, audience, TOKEN))["list"]
        self.assertEqual(entry["shared_advertiser_id"], SECOND_ADVERTISER)
        cancel = models.ShareCancelBody(
            advertiser_id=ADVERTISER, custom_audience_id=audience, shared_advertiser_id=SECOND_ADVERTISER)
        self.data(self.audiences.dmp_custom_audience_share_cancel(TOKEN, body=cancel))
        self.assertEqual(self.data(self.audiences.dmp_custom_audience_list(SECOND_ADVERTISER, TOKEN))["list"], [])


class StreamedAudiences(WithClient):
    def stream(self, action, audience, ids):
        rows = [[{"id": one, "audience_ids": [audience]}, {}] for one in ids]
        return self.data(self.call("/segment/mapping/", {
            "advertiser_ids": [ADVERTISER], "action": action, "id_schema": [EMAIL_SHA256, "AAID_SHA256"], "batch_data": rows}))

    def segment(self):
        return self.data(self.call("/segment/audience/", {
            "advertiser_id": ADVERTISER, "action": "create", "custom_audience_name": "Streamed"}))["audience_id"]

    def test_members_come_and_go(self):
        audience = self.segment()
        self.assertIsInstance(audience, str)
        self.assertEqual(self.stream("add", audience, digests(0, 1200)), {})
        self.assertEqual(self.stream("delete", audience, digests(0, 100)), {})
        self.assertEqual(members(audience), set(digests(100, 1200)))
        details, _ = self.get(audience)
        wanted = {"type": "Partner", "calculate_type": "MULTIPLE_TYPES", "is_valid": True, "cover_num": 1100}
        self.assertEqual({key: details[key] for key in wanted}, wanted)

    def test_a_clear_address_raises_and_nothing_is_added(self):
        audience = self.segment()
        self.refused(40062, "", self.stream, "add", audience, digests(0, 3) + ["member@shop.example"])
        self.assertEqual(members(audience), set())

    def test_a_deleted_audience_takes_no_members(self):
        audience = self.segment()
        self.data(self.call("/segment/audience/", {"advertiser_id": ADVERTISER, "action": "delete", "delete_audience_id": audience}))
        self.refused(40002, "", self.stream, "add", audience, digests(0, 1))

    def test_a_file_does_not_go_into_a_streamed_audience(self):
        audience = self.segment()
        self.stream("add", audience, digests(0, 1200))
        self.refused(40002, "", self.update, audience, file_paths=[self.upload(digests(0, 1200))])


class Pixels(WithClient):
    def statistics(self):
        [pixel] = self.data(self.measurement.pixel_list(ADVERTISER, TOKEN, code=PIXEL))["pixels"]
        now = time.time()
        first, last = (time.strftime("%Y-%m-%d", time.gmtime(t)) for t in (now - 86400, now))
        [one] = self.data(self.measurement.pixel_event_stats(
            ADVERTISER, [pixel["pixel_id"]], {"start_date": first, "end_date": last}, TOKEN))["list"]
        self.assertEqual(one["pixel_id"], pixel["pixel_id"])
        return {s.get("pixel_event_type") or s.get("custom_event_type"): s for s in one["statistics"]}

    def test_the_list_of_pixels_is_filtered(self):
        answer = self.data(self.measurement.pixel_list(
            ADVERTISER, TOKEN, code=PIXEL, order_by="LATEST_CREATE", page=1, page_size=20,
            filtering=models.FilteringPixelList(available_for_catalog_only=False)))
        self.assertEqual(answer["page_info"], {"page": 1, "page_size": 20, "total_number": 1, "total_page": 1})
        [pixel] = answer["pixels"]
        self.assertEqual(pixel["pixel_code"], PIXEL)
        for field in ("pixel_id", "pixel_name", "partner_name"):
            self.assertIsInstance(pixel[field], str, field)
        self.assertIsInstance(pixel["events"], list)
        self.assertEqual(self.data(self.measurement.pixel_list(ADVERTISER, TOKEN, code="CANOTHERPIXEL0000000"))["pixels"], [])

    def test_a_page_that_is_too_large_raises(self):
        self.refused(40002, "page_size", self.measurement.pixel_list, ADVERTISER, TOKEN, page_size=21)

    def test_statistics_count_what_was_sent(self):
        for n in range(3):
            self.events.pixel_track(TOKEN, body=models.PixelTrackBody(pixel_code=PIXEL, event="ViewContent", event_id=f"v-{n}"))
        control("pixelevents", pixel_code=PIXEL, event="ViewContent", count=7, attributed=2)
        counted = self.statistics()["ViewContent"]
        wanted = {"total_count": 10, "server_event_total_count": 3, "browser_event_total_count": 7, "attributed_count": 2}
        self.assertEqual({key: counted[key] for key in wanted}, wanted)

    def test_statistics_of_more_than_thirty_days_raise(self):
        [pixel] = self.data(self.measurement.pixel_list(ADVERTISER, TOKEN))["pixels"]
        self.refused(40002, "date_range", self.measurement.pixel_event_stats, ADVERTISER, [pixel["pixel_id"]],
                     {"start_date": "2026-01-01", "end_date": "2026-01-31"}, TOKEN)

    def test_event_sets_of_offline_events_are_listed(self):
        sets = self.data(self.measurement.offline_get(TOKEN, advertiser_id=ADVERTISER))["event_set_list"]
        self.assertEqual([one["event_set_id"] for one in sets], [OFFLINE_SET])


class FirstEvents(WithClient):
    """Events API 1.0: the only one that the SDK has methods and models for."""

    def setUp(self):
        super().setUp()
        self.context = models.PixelContext(
            ad=models.PixelContextAd(callback="click-1"), page=models.PixelContextPage(url="https://shop.example/thanks?o=1"),
            user=models.PixelContextUser(external_id=digest("customer-1"), email=digest("member-1@shop.example"), ttp="cookie-1"),
            ip="203.0.113.9", user_agent="Mozilla/5.0")

    def properties(self, content_id="sku-1", currency="EUR"):
        return models.PixelProperties(currency=currency, value=20.5, query="shoes", contents=[models.PixelContent(
            content_id=content_id, content_type="shoes", content_name="Shoe", price=10.25, quantity=2)])

    def track(self, **more):
        return self.data(self.events.pixel_track(TOKEN, body=models.PixelTrackBody(**{
            "pixel_code": PIXEL, "event": "CompletePayment", "event_id": "o-1", "timestamp": now(),
            "context": self.context, "properties": self.properties(), **more})))

    def batch(self, *elements):
        return self.data(self.events.pixel_batch(TOKEN, body=models.PixelBatchBody(pixel_code=PIXEL, batch=list(elements))))

    def element(self, number, **more):
        return models.PixelbatchBatch(**{
            "type": "track", "event": "AddToCart", "event_id": f"a-{number}", "timestamp": now(), "context": self.context,
            "properties": self.properties(), **more})

    def test_an_event_is_taken(self):
        self.track()

    def test_an_event_without_a_time_is_taken(self):
        self.track(timestamp=None)

    def test_a_batch_is_taken(self):
        self.batch(*(self.element(n) for n in range(50)))

    def test_a_batch_without_types_is_taken(self):
        self.batch(self.element(1, type=None), self.element(2, type=None))

    def test_a_number_as_content_id_raises_and_names_its_element(self):
        wrong = self.properties()
        wrong.contents[0].content_id = 1077218
        self.refused(40002, "Batch.1.properties.contents.0.content_id: Not a valid string", self.batch,
                     self.element(1), self.element(2, properties=wrong))

    def test_an_unknown_currency_raises(self):
        self.refused(40002, "currency", self.track, properties=self.properties(currency="XXX"))

    def test_a_pixel_of_another_account_raises(self):
        self.refused(40001, "No permission to operate pixel code: CANOTHERPIXEL0000000.", self.track,
                     pixel_code="CANOTHERPIXEL0000000")


class Events(WithClient):
    def track(self, *events, source="web", source_id=PIXEL, **more):
        return self.data(self.call("/event/track/", {
            "event_source": source, "event_source_id": source_id, "data": list(events), **more}))

    def event(self, **more):
        return {"event": "Purchase", "event_time": int(time.time()), "event_id": "o-1", "page": {"url": "https://shop.example/thanks"},
                "user": {"email": digest("member-1@shop.example"), "external_id": [digest("customer-1")]},
                "properties": {"currency": "EUR", "value": 20.5, "content_type": "product",
                               "contents": [{"content_id": "sku-1", "quantity": 2, "price": 10.25}]}, **more}

    def test_a_thousand_events_are_taken(self):
        self.assertEqual(self.track(*(self.event(event_id=f"o-{n}") for n in range(1000))), {})

    def test_more_than_a_thousand_raise(self):
        self.refused(40061, "", self.track, *(self.event(event_id=f"o-{n}") for n in range(1001)))

    def test_a_wrong_event_refuses_the_call_and_is_not_named(self):
        message = self.refused(40002, "", self.track, self.event(), self.event(event_id=7))
        self.assertEqual(message, "Invalid value for event_id: not a valid string.")

    def test_a_pixel_in_an_offline_call_raises(self):
        self.refused(40002, "Invalid value for event_source_id: not a valid string.", self.track, self.event(), source="offline")

    def test_offline_events_are_taken(self):
        event = self.event()
        del event["page"], event["user"]["external_id"]
        self.assertEqual(self.track(event, source="offline", source_id=OFFLINE_SET), {})

    def test_app_events_need_to_be_allowed(self):
        self.refused(40118, "", self.track, self.event(app={"app_id": "com.shop"}), source="app", source_id="7000000000000000301")


if __name__ == "__main__":
    unittest.main(verbosity=2)
